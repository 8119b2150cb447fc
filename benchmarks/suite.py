"""One benchmark from beginning to end: line up, measure, look at the machine before and after."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.benchmark_result import Benchmark, Failure, Latency, Peaks
from benchmarks.contenders import PEAK_UNITS, Contender
from benchmarks.latency import measure
from benchmarks.lineup import device_lineup, keras_lineup, throughput_lineup
from benchmarks.rounds import QUICK_TURNS, THOROUGH, OnStep, Turns
from benchmarks.this_machine import conditions, this_machine
from edge_runtime.errors import SaeliteError
from edge_runtime.model_file.container import read_model_file
from training.run_folder import read_run_folder


@dataclass(frozen=True)
class Effort:
    """How much to measure.

    Parameters
    ----------
    turns : Turns
        How long each row is measured.
    variants : bool
        Other forms of the full model, and the int8 peak, if there is a run folder.
    throughput : bool
        Other batch sizes and numbers of threads.
    accelerators : tuple of str
        Delegates to measure besides the Edge TPUs that are there (see `edge_runtime.inference.accelerators`).
    """

    turns: Turns = THOROUGH
    variants: bool = True
    throughput: bool = True
    accelerators: tuple[str, ...] = ()


QUICK = Effort(QUICK_TURNS, throughput=False)
# One call is many windows; what counts is the time.
_FEWEST_BATCHES = 50
_PEAK_TURNS = Turns(rounds=20, fewest_calls=0)


def run_benchmark(
    model: Path, run: Path | None = None, effort: Effort = Effort(), on_step: OnStep = lambda _: None
) -> Benchmark:
    """Measure a model file, and with its run folder the full model and other forms of it.

    Parameters
    ----------
    model : Path
    run : Path, optional
        Run folder; needs tensorflow.
    effort : Effort

    Raises
    ------
    SaeliteError
        If no runtime can open the model file; any other row that cannot be measured says why.
    """
    before = conditions()
    with tempfile.TemporaryDirectory() as name:
        lineup, peak = _lineup(model, run, effort, Path(name), on_step)
        latency, failures = measure(lineup, effort.turns, on_step)
        peaks = _peaks(peak, on_step)
    if not latency or latency[0].contender.kind != "detector":
        raise SaeliteError(_nothing_measured(model, failures))
    throughput: list[Latency] = []
    if effort.throughput:
        turns = replace(effort.turns, fewest_calls=min(effort.turns.fewest_calls, _FEWEST_BATCHES))
        throughput, missing = measure(throughput_lineup(model, run), turns, on_step)
        failures += missing
    return Benchmark(
        model=_describe(model, run),
        machine=this_machine(),
        before=before,
        after=conditions(),
        latency=tuple(_without_paths(latency)),
        throughput=tuple(_without_paths(throughput)),
        peaks=peaks,
        failures=tuple(failures),
    )


def _lineup(
    model: Path, run: Path | None, effort: Effort, folder: Path, on_step: OnStep
) -> tuple[list[Contender], Contender | None]:
    """Return who is measured, and the layer that shows the int8 peak where tensorflow can make it."""
    *detectors, yardstick = device_lineup(model, effort.accelerators)
    if run is None:
        return [*detectors, yardstick], None
    source = read_run_folder(run)
    network = source.network
    full = keras_lineup(run, sum(layer.kernel.size for layer in (*network.encoder, *network.decoder)))
    if not effort.variants:
        return [*detectors, *full, yardstick], None
    from benchmarks.variants import peak_layer, variants

    on_step("converting the full model")
    return [*detectors, *variants(source, folder), *full, yardstick], peak_layer(folder)


def _peaks(int8: Contender | None, on_step: OnStep) -> Peaks:
    """Return the best of many calls, so that other load does not lower the result."""
    on_step("measuring the machine's matrix peak")
    float32 = Contender("peak_float32", "float32 matrix peak", "matrices", macs=PEAK_UNITS**3)
    rows, _ = measure([float32, *([int8] if int8 else [])], _PEAK_TURNS)
    return Peaks(**{row.contender.numbers: row.contender.macs * 1e6 / row.min_us for row in rows})


def _nothing_measured(model: Path, failures: Sequence[Failure]) -> str:
    reasons = "; ".join(f"{one.title}: {one.reason}" for one in failures)
    return (
        f"no runtime could run {model}, so there is nothing to compare with. {reasons} Look at it with: saelite doctor"
    )


def _describe(model: Path, run: Path | None) -> str:
    manifest = read_model_file(model).manifest
    spec = manifest.spec
    inputs = f"{len(spec.sensors)} sensors x {spec.preprocessing.window} readings"
    codes = f"{len(manifest.mean_activation)} codes, head {spec.scoring.head}, {manifest.quantization.scheme}"
    text = f"{manifest.name}: {inputs}, {codes}"
    if run is None:
        return text
    network = read_run_folder(run).network
    widths = [layer.kernel.shape[1] for layer in (*network.encoder, *network.decoder)]
    return f"{text}; full model {'-'.join(map(str, [spec.preprocessing.inputs, *widths]))}"


def _without_paths(rows: Sequence[Latency]) -> list[Latency]:
    """Return rows without paths of this machine, for publishing."""
    return [replace(row, contender=replace(row.contender, path="", accelerator="")) for row in rows]
