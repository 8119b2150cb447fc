"""How a file scores: head, smoothing and limit, chosen and fitted on its own outputs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from edge_runtime.fitting.attribution import modes_of
from edge_runtime.fitting.detection import SPANS, spans_for
from edge_runtime.fitting.heads import PROTOTYPES, WINDOWS_PER_PROTOTYPE
from edge_runtime.fitting.limit import Limit
from edge_runtime.fitting.packed_attribution import pack_attribution
from edge_runtime.fitting.stretch_faults import Fault
from edge_runtime.fitting.whitening import DRIFTING, drift_of
from edge_runtime.inference.attribution import Attribution
from edge_runtime.inference.heads import ScoringHead
from edge_runtime.model_file.manifest import CHOSEN_ON_EXPORT, DetectorSpec, HeadTried, Scoring
from export.c_library.cost import Chip
from export.c_library.cycle import cycle_values
from export.c_library.work import Plan
from export.fitting.choice import (
    Candidate,
    Tried,
    best,
    fit_on_all,
    score_left_out,
    try_spans,
)
from export.fitting.file_outputs import FileOutputs
from export.fitting.fit_attribution import fit_attribution, fit_bands
from training.run_folder import RunFolder

Floats = npt.NDArray[np.float64]
# Heads of residuals are left out: the network was fitted to reconstruct these very windows. Even a head fitted without
# a block finds it better reconstructed than future data, and the limit would be too low.
_SERIES_HEADS = ("inputs", "codebook", "deep")
_TABLE_HEAD = "codebook"


@dataclass(frozen=True)
class FittedScoring:
    """Everything that turns network outputs into scores and decisions.

    Parameters
    ----------
    candidate : Candidate
        What was chosen.
    scoring : Scoring
    head : ScoringHead
        Scaled so that the limit of the smoothed score is 1.
    attribution : Attribution
    bands : tuple of float
        See `edge_runtime.model_file.manifest.Manifest`.
    limit : Limit
        Limit of the scores before normalisation.
    roc_auc : float
        Normal windows against synthetic faults, scored by heads fitted on neither.
    tried : tuple of HeadTried
        The best first.
    """

    candidate: Candidate
    scoring: Scoring
    head: ScoringHead
    attribution: Attribution
    bands: tuple[float, ...]
    limit: Limit
    roc_auc: float
    tried: tuple[HeadTried, ...]


@dataclass(frozen=True)
class Fitting:
    """What the scorings of one run share.

    Parameters
    ----------
    faults : tuple of Fault
        The faults that a file's outputs include.
    spec : DetectorSpec
        Its rates of tracking are decided; of the rest of its scoring, what it leaves open is chosen.
    alarms_per_window : float or None
        See `edge_runtime.fitting.limit.fit_limit`.
    is_series : bool
        Without time order there is no smoothing.
    modes : int
        Modes of operation.
    chip : Chip, optional
        Heads are then stored in integers (`edge_runtime.inference.packed_head`), and chosen among those that fit.
    """

    faults: tuple[Fault, ...]
    spec: DetectorSpec
    alarms_per_window: float | None
    is_series: bool
    modes: int = 1
    chip: Chip | None = None

    # Products this small are slower on several threads, and much slower if other processes compete for the cores.
    @threadpool_limits.wrap(limits=1)  # type: ignore[untyped-decorator]
    def choose(self, outputs: FileOutputs) -> FittedScoring:
        """Choose and fit on a file's outputs."""
        spans = self._spans(len(outputs.normal["inputs"]))
        candidates = self._that_fit(self._candidates(outputs))
        tried = [one for candidate in candidates for one in self._try(outputs, candidate, spans)]
        return self._fit(outputs, best(tried, self.chip), tried)

    @threadpool_limits.wrap(limits=1)  # type: ignore[untyped-decorator]
    def refit(self, outputs: FileOutputs, like: FittedScoring) -> FittedScoring:
        """Fit an earlier choice on other outputs."""
        candidate = like.candidate
        tried = self._try(outputs, candidate, (candidate.span,))
        return self._fit(outputs, tried[0], tried)

    def _candidates(self, outputs: FileOutputs) -> list[Candidate]:
        """Return what to try, each with any span."""
        wish = self.spec.scoring
        if wish.head != CHOSEN_ON_EXPORT.head:
            return [Candidate(wish.head, modes=self.modes)]
        if not self.is_series:
            return [Candidate(_TABLE_HEAD)]
        inputs = outputs.normal["inputs"]
        # A single number per window has no structure for a network to learn.
        heads = [Candidate(head) for head in (_SERIES_HEADS if inputs.shape[1] > 1 else ("inputs",))]
        if self.modes > 1:
            return [*heads, Candidate("modes", modes=self.modes)]
        drifts = drift_of([inputs / np.maximum(inputs.std(axis=0), 1e-9)], len(inputs)) > DRIFTING
        return [*heads, Candidate("inputs", allow_drift=True)] if drifts.any() else heads

    def _that_fit(self, candidates: list[Candidate]) -> list[Candidate]:
        """Return the candidates that fit the chip, in the form that it takes."""
        chip = self.chip
        if chip is None:
            return candidates
        fitting = [one for one in candidates if chip.takes(one.head, one.modes)]
        if not fitting and self.spec.scoring.head == CHOSEN_ON_EXPORT.head:
            fitting = [Candidate(head) for head in _SERIES_HEADS if chip.takes(head)]
        if not fitting:
            raise chip.refusal({one.head: one.modes for one in candidates})
        return [replace(one, is_packed=True) for one in fitting]

    def _spans(self, windows: int) -> tuple[int, ...]:
        wish = self.spec.scoring
        return (wish.smoothing_span,) if wish.smoothing_span else spans_for(windows, spans_of(wish, self.is_series))

    def _try(self, outputs: FileOutputs, candidate: Candidate, spans: tuple[int, ...]) -> list[Tried]:
        preprocessing = self.spec.preprocessing
        guard = -(-preprocessing.window // preprocessing.stride) - 1
        scores = score_left_out(outputs, self.faults, candidate, guard)
        return try_spans(scores, self.faults, outputs.usual, candidate, spans, self.alarms_per_window)

    def _fit(self, outputs: FileOutputs, chosen: Tried, tried: list[Tried]) -> FittedScoring:
        candidate, limit, inputs = chosen.candidate, chosen.limit, outputs.to_fit_on["inputs"]
        head = fit_on_all(outputs, candidate)
        mode = modes_of(head, inputs)
        attribution = fit_attribution(inputs, self.spec.preprocessing, mode, head.modes)
        attribution = pack_attribution(attribution) if candidate.is_packed else attribution
        return FittedScoring(
            candidate,
            self.spec.scoring._replace(head=candidate.head, smoothing_span=candidate.span),
            head.scaled(1.0 / limit.value),
            attribution,
            fit_bands(attribution, inputs, self.spec.preprocessing, mode),
            limit,
            chosen.roc_auc,
            _by_detection(tried),
        )


def heads_for(run: RunFolder) -> tuple[str, ...]:
    """Return the heads that a run's is chosen from, without those that depend on its modes."""
    wish = run.spec.scoring.head
    if wish != CHOSEN_ON_EXPORT.head:
        return (wish,)
    return _SERIES_HEADS if run.is_series else (_TABLE_HEAD,)


def plan_of(run: RunFolder, *, is_int8: bool) -> Plan:
    """Return what a run's detector costs in C, but for the head."""
    spec = run.spec
    # A rate that is not decided yet is that of a machine without modes.
    follows = any(rate > 0 or (rate < 0 and run.is_series) for rate in spec.scoring[2:])
    prototypes = max(1, min(PROTOTYPES, len(run.windows.windows) // WINDOWS_PER_PROTOTYPE))
    return Plan(
        spec.preprocessing,
        run.network,
        is_int8,
        follows,
        prototypes=prototypes,
        cycle_values=cycle_values(spec),
        levels=len(spec.modes),
    )


def spans_of(wish: Scoring, is_series: bool) -> tuple[int, ...]:  # noqa: FBT001 - of a run folder
    """Return the smoothing spans to choose from, on a device too: the one asked for, or all for a series."""
    if wish.smoothing_span:
        return (wish.smoothing_span,)
    return SPANS if is_series else (1,)


def _by_detection(tried: list[Tried]) -> tuple[HeadTried, ...]:
    ranked = sorted(tried, key=lambda one: -one.detection)
    return tuple(HeadTried(one.candidate.name, round(one.detection, 4)) for one in ranked)
