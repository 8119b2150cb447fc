"""What became of an asset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from saelite.fleet.asset_facts import AssetFacts

MADE, FELL_BACK, FAILED = "made", "fell back", "failed"


class Figures(NamedTuple):
    """The figures of a model file that was made.

    Parameters
    ----------
    head, scheme : str
        How it scores; the number format of its network.
    smoothing_span : int
    threshold : float
        Limit of the smoothed score.
    promised, promised_upper : float or None
        False alarms that the threshold promises, and their upper bound at 95 % confidence, in the budget's unit;
        None where the recording has no time.
    measured : float or None
        Times that the finished file's score rises above the threshold on the asset's own recording, in the same unit.
    promised_share, measured_share : float
        Share of windows above the threshold, promised and counted.
    detection : float or None
        Share of synthetic faults found at the budget.
    roc_auc : float or None
        Normal windows against those with synthetic faults.
    alarm_agreement : float or None
        Parity: share of windows on which the file and its float32 detector both alarm or neither does.
    parity_failures : str
        What the scheme does not keep of the limits of parity; empty if it keeps all.
    loss : float or None
        Best validation loss; None for the common model.
    bytes : int
        Of the model file.
    sha256 : str
        Of the model file as it was made, before it was signed.
    version : int
    """

    head: str = ""
    scheme: str = ""
    smoothing_span: int = 1
    threshold: float = 1.0
    promised: float | None = None
    promised_upper: float | None = None
    measured: float | None = None
    promised_share: float = 0.0
    measured_share: float = 0.0
    detection: float | None = None
    roc_auc: float | None = None
    alarm_agreement: float | None = None
    parity_failures: str = ""
    loss: float | None = None
    bytes: int = 0
    sha256: str = ""
    version: int = 0


@dataclass(frozen=True)
class AssetOutcome:
    """What became of one asset: a row of the fleet's table.

    Parameters
    ----------
    asset : str
    status : str
        ``made``, ``fell back`` or ``failed``.
    reason : str
        Why it fell back or failed.
    fallback : str
        Step of `saelite.fleet.fit_asset.LADDER` that gave the file; empty where the first one did.
    rows, windows : int
        Of the recording; that were learnt from.
    window : int
        Readings per window.
    sensors : tuple of str
        That the model takes.
    findings : tuple of str
        What was found in the recording, and in the file.
    quality : str
        The recording's grade, A to D; empty where it was not read.
    is_warm : bool
        Whether its network started from the common model.
    budget : str
        Alarm budget, such as ``1/week``.
    figures : Figures or None
        Of the model file; None if there is none.
    facts : AssetFacts or None
        What the recording is like; None where it was not read.
    cpu_s : float
        CPU seconds spent on the asset, its child processes' included.
    """

    asset: str
    status: str
    reason: str = ""
    fallback: str = ""
    rows: int = 0
    windows: int = 0
    window: int = 0
    sensors: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    quality: str = ""
    is_warm: bool = False
    budget: str = ""
    figures: Figures | None = None
    facts: AssetFacts | None = None
    cpu_s: float = 0.0


@dataclass(frozen=True)
class AssetResult:
    """An outcome, and the files that go with it.

    Parameters
    ----------
    outcome : AssetOutcome
    files : mapping of str to bytes
        By path in the asset's folder: the unsigned model file, and C sources for some targets. Empty if it failed.
    """

    outcome: AssetOutcome
    files: Mapping[str, bytes] = field(default_factory=dict)
