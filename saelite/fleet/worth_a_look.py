"""Which assets a person should look at, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from edge_runtime.common.counted import counted
from edge_runtime.model_file.manifest import HeadTried
from saelite.false_alarms import blindness
from saelite.fleet.outcome import FAILED, FELL_BACK, AssetOutcome, Figures
from saelite.fleet.unlike import FAR, Unlike

# A file that alarms this many times as often as promised on its own normal rows, and more than once.
_FAR_ABOVE = 10.0
_FAR_SHARE = 0.01
# Estimating a covariance needs as many.
_ROWS_PER_SENSOR = 20


class Look(NamedTuple):
    """An asset worth a look.

    Parameters
    ----------
    asset : str
    grave : int
        How grave it is: 3 no model, 2 a fallback or a model in doubt, 1 an asset unlike the others.
    reasons : tuple of str
        In sentences, the gravest first.
    """

    asset: str
    grave: int
    reasons: tuple[str, ...]


def looks(outcomes: Iterable[AssetOutcome], unlike: Mapping[str, Unlike]) -> tuple[Look, ...]:
    """Return the assets worth a look, the gravest first, and of equal ones the most unlike.

    Examples
    --------
    >>> looks([AssetOutcome("pump1", "failed", "no rows"), AssetOutcome("pump2", "made")], {})
    (Look(asset='pump1', grave=3, reasons=('no model: no rows',)),)
    """
    found = []
    for one in outcomes:
        reasons = _reasons(one, unlike.get(one.asset))
        if reasons:
            texts = tuple(text for _, text in sorted(reasons, key=lambda reason: -reason[0]))
            found.append(Look(one.asset, max(grave for grave, _ in reasons), texts))
    far = {asset: one.distance for asset, one in unlike.items()}
    return tuple(sorted(found, key=lambda look: (-look.grave, -far.get(look.asset, 0.0), look.asset)))


def _reasons(one: AssetOutcome, unlike: Unlike | None) -> list[tuple[int, str]]:
    reasons: list[tuple[int, str]] = []
    if one.status == FAILED:
        reasons.append((3, f"no model: {one.reason}"))
    if one.status == FELL_BACK:
        reasons.append((2, f"fell back to {one.fallback}: {one.reason}"))
    if one.figures is not None:
        reasons += [(2, text) for text in _of_figures(one.figures, one.budget)]
        if one.rows < _ROWS_PER_SENSOR * len(one.sensors):
            reasons.append((2, f"only {counted(one.rows, 'row')} for {counted(len(one.sensors), 'sensor')}"))
    if unlike is not None and unlike.distance >= FAR:
        reasons.append((1, unlike.because))
    return reasons


def _of_figures(figures: Figures, budget: str) -> list[str]:
    found = []
    if figures.parity_failures:
        found.append(f"not as in float32: {figures.parity_failures}")
    if figures.detection is not None and blindness((HeadTried("", figures.detection),)):
        found.append(f"finds only {figures.detection:.0%} of the synthetic faults at {budget}")
    if figures.measured_share > max(_FAR_SHARE, _FAR_ABOVE * figures.promised_share):
        found.append(
            f"{figures.measured_share:.1%} of its own normal windows are above the threshold, "
            f"promised {figures.promised_share:.2%}"
        )
    return found
