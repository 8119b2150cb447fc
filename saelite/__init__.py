"""Learn what normal looks like, turn it into one file, score readings with it.

>>> import saelite
>>> run = saelite.train("normal.csv")  # doctest: +SKIP
>>> saelite.export(run, "pump.tflite")  # doctest: +SKIP
>>> detector = saelite.Detector.load("pump.tflite")  # doctest: +SKIP
>>> saelite.score(detector, "log.csv")  # doctest: +SKIP

Every name is imported when it is first used, so `Detector` and `Stream` work on a device without tensorflow or
scikit-learn.
"""

from __future__ import annotations

import importlib

# Type checkers treat it as true; importing `typing` would cost a device more than the rest of this import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from edge_runtime import Detector, Result, SaeliteError, Stream
    from saelite import fleet
    from saelite.adapting import adapt
    from saelite.exporting import export
    from saelite.learning import train
    from saelite.recordings import read_recording
    from saelite.scoring import score
    from saelite.sklearn import SparseAutoencoderDetector
    from saelite.version import __version__
    from training import SparseAutoencoder, SparseLayer, sparse_loss

__all__ = [
    "Detector",
    "Result",
    "SaeliteError",
    "SparseAutoencoder",
    "SparseAutoencoderDetector",
    "SparseLayer",
    "Stream",
    "__version__",
    "adapt",
    "export",
    "fleet",
    "read_recording",
    "score",
    "sparse_loss",
    "train",
]
_HOMES = {
    "Detector": "edge_runtime",
    "Result": "edge_runtime",
    "SaeliteError": "edge_runtime",
    "SparseAutoencoder": "training",
    "SparseAutoencoderDetector": "saelite.sklearn",
    "SparseLayer": "training",
    "Stream": "edge_runtime",
    "__version__": "saelite.version",
    "adapt": "saelite.adapting",
    "export": "saelite.exporting",
    "read_recording": "saelite.recordings",
    "score": "saelite.scoring",
    "sparse_loss": "training",
    "train": "saelite.learning",
}

_ROOMS = frozenset({"fleet"})

if not TYPE_CHECKING:  # otherwise every misspelt name would pass type checks

    def __getattr__(name: str) -> object:
        if name in _ROOMS:
            return importlib.import_module(f"saelite.{name}")
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
        except ModuleNotFoundError as error:
            from edge_runtime.errors import missing_extra

            raise missing_extra(
                (error.name or "a package").partition(".")[0], "workstation", f"saelite.{name}"
            ) from error
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
