"""Fleets: a model for each of many machines.

>>> import saelite.fleet
>>> fleet = saelite.fleet.train("pumps/", "fleet", by="asset")  # doctest: +SKIP
>>> fleet.model("pump7")  # doctest: +SKIP
>>> saelite.fleet.score("fleet", "history/", "scores")  # doctest: +SKIP

Assets are found by `saelite.fleet.assets`, worked on by the engines of `saelite.fleet.executors`, each by
`saelite.fleet.fit_assets`, and kept by `saelite.fleet.fleet_folder`.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saelite.fleet.fleet import Fleet
    from saelite.fleet.fleet_scores import FleetScores
    from saelite.fleet.scoring import score
    from saelite.fleet.training import train

__all__ = ["Fleet", "FleetScores", "score", "train"]
_HOMES = {
    "Fleet": "saelite.fleet.fleet",
    "FleetScores": "saelite.fleet.fleet_scores",
    "score": "saelite.fleet.scoring",
    "train": "saelite.fleet.training",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
        return value
