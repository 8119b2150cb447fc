"""One scheme of a run, made into a finished graph with all that scores by it, and run in real runtimes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from edge_runtime.arrays import BoolArray, FloatArray, NumberArray
from edge_runtime.errors import ParityError
from edge_runtime.fitting.budget import FalseAlarmBudget
from edge_runtime.fitting.promise import window_s_of
from edge_runtime.inference.heads import needs_network
from edge_runtime.inference.host_scoring import HostScoring, beyond
from edge_runtime.model_file.manifest import CHOSEN_ON_EXPORT, Quantization
from edge_runtime.verification.parity import FLOAT32_CODES_LIMIT
from export import flatbuffer
from export.audit import audit
from export.c_library.cost import Chip
from export.fitting.file_outputs import FileOutputs
from export.fitting.fit_scoring import FittedScoring, Fitting, plan_of
from export.fitting.followed_run import followed
from export.flatbuffer import ParsedFlatbuffer
from export.inference_graph import build_detector_graph, build_network_graph
from export.installed import InstalledRuntime
from export.probe import Probe
from export.quantization import quantize
from export.runtime_check import OnStep, RuntimeOutputs, run_in
from export.targets import DETECTOR, Target
from training.run_folder import ChipBudget, RunFolder

_FLOAT32 = "float32"
_CHEAPEST_HEAD = "inputs"
# Number of normal and of faulty windows that the finished file is run on in every runtime.
_CHECKED_WINDOWS = 2000


@dataclass(frozen=True)
class Attempt:
    """A finished graph and what it gave.

    Parameters
    ----------
    graph : ParsedFlatbuffer
    scoring : FittedScoring
    outputs : FileOutputs
        What the quantised network gives for the normal windows.
    quantization : Quantization
    host : HostScoring or None
        What the host does around a network alone.
    runs : tuple of RuntimeOutputs
        For the checked windows, the first runtime's first.
    """

    graph: ParsedFlatbuffer
    scoring: FittedScoring
    outputs: FileOutputs
    quantization: Quantization
    host: HostScoring | None
    runs: tuple[RuntimeOutputs, ...] = ()

    @property
    def arrays(self) -> dict[str, NumberArray]:
        """What a file keeps beside the graph so that its host can score."""
        return {} if self.host is None else {**self.scoring.head.arrays(), **self.scoring.attribution.arrays()}

    def run_in(
        self, runtimes: list[InstalledRuntime], windows: FloatArray, on_step: OnStep, *, together: bool = False
    ) -> Attempt:
        """Return the attempt with what runtimes gave for some windows, see `export.runtime_check.run_in`."""
        runs = []
        for installed in runtimes:
            on_step(f"running the file in {installed.title}")
            runs.append(run_in(installed, self.graph.content, self.host, windows, together=together))
        return replace(self, runs=tuple(runs))


class Attempts:
    """Makes one attempt per scheme of the same run, and the float32 detector each is compared with.

    Attributes
    ----------
    run : RunFolder
        As the detector sees it, see `export.fitting.followed_run`.
    """

    def __init__(  # noqa: PLR0913 - what is exported, for what, and checked in what
        self,
        run: RunFolder,
        target: Target,
        budget: FalseAlarmBudget,
        chip: ChipBudget,
        runtimes: list[InstalledRuntime],
        on_step: OnStep,
    ) -> None:
        on_step("looking for modes of operation")
        trained, (run, modes) = run, followed(run)
        self.run, self._target, self._runtimes, self._on_step = run, target, runtimes, on_step
        on_step("building the inference graph")
        self._probe = Probe.of(run, target)
        self.windows, self.is_faulty = _checked_windows(self._probe)
        per_window = budget.per_window(window_s_of(run.spec.preprocessing))
        self._fitting = Fitting(self._probe.faults, run.spec, per_window, run.is_series, modes)
        self._chip_budget = chip
        on_step("running the float32 network")
        _check_rebuilt(trained, self._probe.codes(runtimes[0], trained))

    @cached_property
    def _float_outputs(self) -> FileOutputs:
        return self._probe.outputs(_FLOAT32, self._runtimes[0])

    def that_fit(self, schemes: tuple[str, ...]) -> tuple[str, ...]:
        """Return the first scheme, and of the others those whose network a chip has room for."""
        wish = self.run.spec.scoring.head
        head = _CHEAPEST_HEAD if wish == CHOSEN_ON_EXPORT.head else wish
        chips = [(scheme, self._chip(scheme)) for scheme in schemes[1:]]
        return (*schemes[:1], *(scheme for scheme, chip in chips if chip is None or chip.takes(head)))

    def _chip(self, scheme: str) -> Chip | None:
        """Return the chip that a scheme's heads must fit on; None for a target with memory to spare."""
        if not self._target.packs_head:
            return None
        return Chip(plan_of(self.run, is_int8=scheme == "int8"), self._chip_budget)

    def make(self, scheme: str) -> Attempt:
        """Return the audited graph of a scheme, run in every runtime."""
        self._on_step(f"running the network in {scheme}")
        outputs = self._float_outputs if scheme == _FLOAT32 else self._probe.outputs(scheme, self._runtimes[0])
        self._on_step("trying heads on synthetic faults")
        attempt = self._finished(scheme, replace(self._fitting, chip=self._chip(scheme)).choose(outputs), outputs)
        audit(attempt.graph, self._target, scheme)
        return attempt.run_in(self._runtimes, self.windows, self._on_step)

    def in_float32(self, like: Attempt) -> Attempt:
        """Return the float32 detector that scores as `like` does; `like` itself if it is one."""
        if like.quantization.scheme == _FLOAT32:
            return like
        # The inputs of a whole detector are float32 whatever its network is.
        is_same = self._target.graph == DETECTOR and not needs_network(like.scoring.head.kind)
        outputs = like.outputs if is_same else self._float_outputs
        scoring = like.scoring if is_same else self._fitting.refit(outputs, like.scoring)
        attempt = self._finished(_FLOAT32, scoring, outputs)
        return attempt.run_in(self._runtimes[:1], self.windows, self._on_step, together=True)

    def _finished(self, scheme: str, scoring: FittedScoring, outputs: FileOutputs) -> Attempt:
        run, target = self.run, self._target
        if target.graph == DETECTOR:
            head, halves = scoring.head.unpacked(), scheme != _FLOAT32
            content = build_detector_graph(
                run.network, run.spec.preprocessing, head, scoring.attribution, halves=halves
            )
        else:
            content = build_network_graph(run.network, (scoring.scoring.head,))
        graph = quantize(flatbuffer.parse(content), scheme, target, self._probe.sample)
        quantization, host = _quantization(graph, scheme, target, outputs.normal["inputs"]), None
        if target.graph != DETECTOR:
            host = HostScoring(run.spec.preprocessing, scoring.head, quantization, graph.outputs, scoring.attribution)
        return Attempt(graph, scoring, outputs, quantization, host)


def _checked_windows(probe: Probe) -> tuple[FloatArray, BoolArray]:
    """Return normal and faulty windows, and which ones are faulty."""
    normal = probe.run.windows.windows
    normal = normal[:: -(-len(normal) // _CHECKED_WINDOWS)]
    faulty = np.concatenate([normal[:0], *(fault.windows for fault in probe.faults)])
    faulty = faulty[:: -(-len(faulty) // _CHECKED_WINDOWS)] if len(faulty) else faulty
    return np.concatenate([normal, faulty]), np.repeat([False, True], [len(normal), len(faulty)])


def _check_rebuilt(run: RunFolder, found: FloatArray) -> None:
    """Raise ParityError if the float32 graph does not match the model; no option relaxes this check."""
    codes = run.windows.codes
    reach = max(1.0, float(np.abs(codes).max(initial=0.0)))
    difference = float(np.abs(codes - found).max(initial=0.0)) / reach
    if difference > FLOAT32_CODES_LIMIT:
        raise ParityError(
            f"the rebuilt float32 graph does not match the full model: codes differ by {difference:.3g}, "
            f"expected at most {FLOAT32_CODES_LIMIT:g}. Nothing is written."
        )


def _quantization(graph: ParsedFlatbuffer, scheme: str, target: Target, inputs: FloatArray) -> Quantization:
    """Read scale and zero point from the finished graph, and measure what they clip."""
    # Of a mixed graph the first quantised tensor is what the first layer gives, not what it takes.
    if graph.quantized_input is None or scheme == "mixed":
        return Quantization(scheme, target.granularity)
    quantization = Quantization(scheme, target.granularity, *graph.quantized_input)
    return quantization._replace(input_saturation=float(beyond(inputs, quantization).mean()))
