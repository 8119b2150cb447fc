"""One benchmark from beginning to end: line up, measure, look at the machine before and after."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.contenders import PEAK_UNITS, Contender
from benchmarks.latency import OnStep, measure
from benchmarks.lineup import device_lineup, keras_lineup, throughput_lineup
from benchmarks.machine import conditions, this_machine
from benchmarks.result import Benchmark, Latency, Peaks
from edge_runtime.model_file import read_model_file
from edge_runtime.run_folder import read_run_folder


@dataclass(frozen=True)
class Effort:
    """How much to measure.

    Parameters
    ----------
    rounds, round_s : int, float
        See `benchmarks.latency.measure`; the defaults make three seconds a row.
    variants : bool
        Other forms of the full model, and the int8 peak, where there is a run folder.
    throughput : bool
        Other batch sizes and numbers of threads.
    """

    rounds: int = 6
    round_s: float = 0.5
    variants: bool = True
    throughput: bool = True


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
    """
    before = conditions()
    with tempfile.TemporaryDirectory() as name:
        lineup, peak = _lineup(model, run, Path(name) if effort.variants else None, on_step)
        latency = measure(lineup, rounds=effort.rounds, round_s=effort.round_s, on_step=on_step)
        peaks = _peaks(peak, on_step)
    throughput: list[Latency] = []
    if effort.throughput:
        throughput = measure(throughput_lineup(model, run), rounds=max(1, effort.rounds // 2), round_s=effort.round_s,
                             on_step=on_step)  # fmt: skip
    return Benchmark(
        model=_describe(model, run),
        machine=this_machine(),
        before=before,
        after=conditions(),
        latency=tuple(_without_paths(latency)),
        throughput=tuple(_without_paths(throughput)),
        peaks=peaks,
    )


def _lineup(
    model: Path, run: Path | None, folder: Path | None, on_step: OnStep
) -> tuple[list[Contender], Contender | None]:
    """Return who is measured, and the layer that shows the int8 peak where tensorflow can make it."""
    *detectors, yardstick = device_lineup(model)
    if run is None:
        return [*detectors, yardstick], None
    source = read_run_folder(run)
    network = source.network
    full = keras_lineup(run, sum(layer.kernel.size for layer in (*network.encoder, *network.decoder)))
    if folder is None:
        return [*detectors, *full, yardstick], None
    from benchmarks.variants import peak_layer, variants

    on_step("converting the full model")
    return [*detectors, *variants(source, folder), *full, yardstick], peak_layer(folder)


def _peaks(int8: Contender | None, on_step: OnStep) -> Peaks:
    """Return the best of many calls: what else the machine does must not make it look weak."""
    on_step("measuring the machine's matrix peak")
    float32 = Contender("peak_float32", "float32 matrix peak", "matrices", macs=PEAK_UNITS**3)
    rows = measure([float32, *([int8] if int8 else [])], rounds=2)
    return Peaks(*(row.contender.macs * 1e6 / row.min_us for row in rows))


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
    """Return rows fit for publishing: a benchmark says nothing of this machine's folders."""
    return [replace(row, contender=replace(row.contender, path="")) for row in rows]
