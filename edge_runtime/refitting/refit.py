"""Head, threshold and everything else that depends on the machine, fitted anew on normal windows of this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edge_runtime.arrays import BoolArray
from edge_runtime.fitting.attribution import (
    fit_attribution,
    fit_bands,
    is_diagonal,
    modes_of,
)
from edge_runtime.fitting.detection import Detection, FaultScores, best_of, detection_with, spans_for
from edge_runtime.fitting.heads import Clustering, Space, fit_rows, moments_by_label
from edge_runtime.fitting.left_out import LeftOut, score_blocks
from edge_runtime.fitting.moments import Blocks, Floats, Kept, moments_of
from edge_runtime.fitting.outliers import usual_windows
from edge_runtime.fitting.packed_attribution import pack_attribution
from edge_runtime.fitting.packing import pack
from edge_runtime.fitting.stretch_faults import each_fault
from edge_runtime.fitting.whitening import DRIFTING, drift_of
from edge_runtime.inference.attribution import Attribution
from edge_runtime.inference.heads import Head, ScoringHead
from edge_runtime.inference.host_scoring import beyond
from edge_runtime.inference.runtimes import Options, Runtime
from edge_runtime.model_file.container import ModelFile
from edge_runtime.model_file.manifest import DriftLimit
from edge_runtime.refitting.held_heads import FirstColumns, Way, held, ways_of
from edge_runtime.refitting.network_outputs import NetworkOutputs, NetworkRunner, Part, SeenWindows
from edge_runtime.refitting.prototypes import FromPrototypes, prototypes_of
from edge_runtime.streaming.adaptation.drift import fit_drift_limit
from edge_runtime.verification.parity import roc_auc

_TINY = 1e-18


@dataclass(frozen=True)
class Tried:
    """What is found in one way.

    Parameters
    ----------
    way : Way
    span : int
        Smoothing span.
    found : Detection
    roc_auc : float
        Raw scores of normal windows against those of synthetic faults.
    """

    way: Way
    span: int
    found: Detection
    roc_auc: float

    @property
    def name(self) -> str:
        """The way and its span in words."""
        return f"{self.way.name}, span {self.span}"


@dataclass(frozen=True)
class Refitted:
    """What was fitted.

    Parameters
    ----------
    head : ScoringHead
        Scaled so that the limit of the smoothed score is 1.
    attribution : Attribution
    bands : tuple of float
        See `edge_runtime.model_file.manifest.Manifest`, as for the next two.
    mean_activation : tuple of float
    drift : DriftLimit or None
    tried : tuple of Tried
        The first is taken; its limit is that of scores before normalisation.
    left_out : int
        Windows too extreme to fit on.
    saturation : float
        Share of normal values outside the network's quantised input.
    """

    head: ScoringHead
    attribution: Attribution
    bands: tuple[float, ...]
    mean_activation: tuple[float, ...]
    drift: DriftLimit | None
    tried: tuple[Tried, ...]
    left_out: int
    saturation: float

    @property
    def chosen(self) -> Tried:
        """What was taken."""
        return self.tried[0]


@dataclass(frozen=True)
class Refit:
    """Fits a file's head on this machine's windows.

    Parameters
    ----------
    model : ModelFile
        With this machine's scaling, and the maker's head.
    before : Head or None
        The maker's head in full precision, of the heads that have prototypes or modes.
    packs : bool
        Whether the file's head is in integers, see `edge_runtime.inference.packed_head`.
    runtime, options
        What the network runs in.
    alarms_per_window : float or None
        See `edge_runtime.fitting.limit.fit_limit`.
    on_step : callable
        Told of each step before it is taken.
    """

    model: ModelFile
    before: Head | None
    packs: bool
    runtime: Runtime
    options: Options
    alarms_per_window: float | None
    on_step: Callable[[str], None]

    def fit(self, windows: SeenWindows) -> Refitted:
        """Fit on normal windows."""
        spec = self.model.manifest.spec
        preprocessing = spec.preprocessing
        self.on_step("running the network")
        runner = NetworkRunner(self.model, self.runtime, self.options)
        outputs = NetworkOutputs(runner, windows)
        rows, inputs = Part(outputs, "rows"), Part(outputs, "inputs")
        self.on_step("looking for faulty minutes")
        usual = usual_windows(inputs)
        tried = [
            one
            for way in ways_of(self.model.manifest, drifts=_drifts(inputs, len(windows)))
            for one in self._try(runner, windows, rows, usual, way)
        ]
        # All cost the same in this graph: the maker's head stays where no other finds clearly more.
        own = self.model.manifest.spec.scoring.head
        best = best_of(tried, lambda one: one.found.share, lambda one: one.way.head != own)
        self.on_step("fitting the head")
        head, kept = self._fit_whole(Kept(rows, usual), best.way), Kept(inputs, usual)
        attribution = self._attribution(head, kept)
        codes = np.concatenate(list(Part(outputs, "codes")))
        return Refitted(
            head.scaled(1.0 / best.found.limit.value),
            attribution,
            fit_bands(attribution, kept, preprocessing, lambda block: modes_of(head, block)),
            tuple(codes.mean(axis=0, dtype=np.float64).tolist()),
            fit_drift_limit(codes) if codes.shape[1] else None,
            (best, *sorted((one for one in tried if one is not best), key=lambda one: -one.found.share)),
            int((~usual).sum()),
            self._saturation(inputs),
        )

    def _try(
        self, runner: NetworkRunner, windows: SeenWindows, rows: Blocks, usual: BoolArray, way: Way
    ) -> list[Tried]:
        """Return what is found with each smoothing span, as export does."""
        self.on_step("fitting the threshold on blocks left out")
        manifest = self.model.manifest
        preprocessing = manifest.spec.preprocessing
        guard = -(-preprocessing.window // preprocessing.stride) - 1
        left_out = score_blocks(
            self._seen_by(way, rows), usual, lambda kept: self._stored(self._fit_head(kept, way)), guard
        )
        self.on_step("looking for synthetic faults")
        faults = self._faults(runner, windows, left_out)
        scores = np.concatenate([left_out.scores, *(fault.raw for fault in faults)])
        is_faulty = np.arange(len(scores)) >= len(left_out.scores)
        area = roc_auc(scores, is_faulty) if faults else 0.5
        own = manifest.spec.scoring.smoothing_span
        spans = spans_for(len(usual), manifest.spans) if manifest.spans else (own,)
        return [
            Tried(way, span, detection_with(span, left_out.scores, faults, usual, self.alarms_per_window), area)
            for span in spans or (own,)
        ]

    def _seen_by(self, way: Way, rows: Blocks) -> Blocks:
        return FirstColumns(rows, self.model.manifest.spec.preprocessing.inputs) if way.head == "inputs" else rows

    def _stored(self, head: Head) -> ScoringHead:
        return pack(head) if self.packs else head

    def _fit_whole(self, rows: Blocks, way: Way) -> ScoringHead:
        """Return the head in the shapes of the file's own."""
        head, own = self._fit_head(self._seen_by(way, rows), way), self.model.manifest.spec.scoring.head
        if way.head != own:
            width = next(iter(rows)).shape[1]
            square = Head(own, np.zeros(width, np.float32), np.zeros((width, width), np.float32))
            head = held(head, self.before or square)
        return self._stored(head)

    def _fit_head(self, rows: Blocks, way: Way) -> Head:
        before, inputs = self.before, self.model.manifest.spec.preprocessing.inputs
        clustering: Clustering = _no_clustering if before is None else FromPrototypes(prototypes_of(before))
        modes = 1 if before is None else before.modes
        found = fit_rows(way.head, rows, inputs, clustering, allow_drift=way.allow_drift, modes=modes)
        return _of_modes(found, modes)

    def _faults(self, runner: NetworkRunner, windows: SeenWindows, left_out: LeftOut) -> list[FaultScores]:
        """Return scores of synthetic faults, by heads that have not seen their block."""
        found = []
        for fault in each_fault(windows, windows.deviation):
            head, rows = left_out.heads[fault.block], runner.run(fault.windows).rows
            raw = head.score_rows(rows[:, : head.width])
            found.append(FaultScores(fault.name, fault.start, raw.astype(np.float64)))
        return found

    def _attribution(self, head: ScoringHead, inputs: Blocks) -> Attribution:
        preprocessing = self.model.manifest.spec.preprocessing
        diagonal, modes = is_diagonal(preprocessing.inputs), head.modes
        by_mode = moments_by_label(inputs, lambda block: modes_of(head, block), modes, diagonal=diagonal)
        attribution = fit_attribution(by_mode, preprocessing)
        return pack_attribution(attribution) if self.packs else attribution

    def _saturation(self, inputs: Blocks) -> float:
        """Return the share of normal values that the network's quantised input clips."""
        clipped = np.array([(beyond(block, self.model.manifest.quantization).sum(), block.size) for block in inputs])
        return float(clipped[:, 0].sum() / clipped[:, 1].sum())


def _drifts(inputs: Blocks, count: int) -> bool:
    """Return whether a sensor drifts, as export asks."""
    variance = np.maximum(moments_of(inputs, diagonal=True).variance, _TINY)
    return bool((drift_of(inputs, count) > DRIFTING * variance).any())


def _of_modes(head: Head, count: int) -> Head:
    """Return a head with as many modes as the file has; those that this machine was not seen in repeat the others."""
    if head.kind != "modes" or head.centers is None or len(head.whitening) == count:
        return head
    seen = np.arange(count) % len(head.whitening)
    return Head("modes", head.mean, head.whitening[seen], head.centers[seen])


def _no_clustering(points: Floats, _: int, __: Space) -> Floats:
    return points[:1]
