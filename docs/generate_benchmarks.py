"""Write docs/benchmarks/speed.md and its plot from the figures committed in docs/benchmarks/.

python docs/generate_benchmarks.py            write the page
python docs/generate_benchmarks.py --check    exit 1 if the page is out of date

The figures are written by `saelite bench --json`, `saelite bench peers --json`, `saelite bench accuracy --fit-times
--json`, `python -m benchmarks.trainers.trainer_comparison --json` and `tests/arm/check.py --json`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generated_page import page_command

from benchmarks.accuracy.fits import Fits
from benchmarks.accuracy.fits import table as fit_table
from benchmarks.benchmark_result import Benchmark, read_benchmark
from benchmarks.json_file import read_json
from benchmarks.latency import ratio_interval
from benchmarks.peers.peer_result import PeerBenchmark, peer_table, read_peers
from benchmarks.report.benchmark_plot import draw
from benchmarks.report.benchmark_tables import all_tables
from benchmarks.report.formats import number
from benchmarks.report.report_tables import ReportTable
from benchmarks.trainers.trainer_result import KERAS_EPOCHS, TrainerComparison

FIGURES = Path(__file__).with_name("benchmarks")
PAGE = FIGURES / "speed.md"
PLOT = FIGURES / "latency.svg"


@dataclass(frozen=True)
class Aim:
    """The ratio of speeds that one row should reach over another."""

    text: str
    fast: str
    slow: str
    at_least: float


AIMS = (
    Aim("device detector against Keras `predict`", "detector", "predict", 1000),
    Aim("device detector against Keras `model(x)`", "detector", "call", 100),
    Aim("device detector against `tf.function`", "detector", "function", 20),
    Aim("int8 encoder against ONNX Runtime int8, the same encoder", "encoder_int8", "onnx_int8", 3),
    Aim("device detector (scaling and score included) against that ONNX Runtime encoder", "detector", "onnx_int8", 3),
    Aim("int8 encoder against the full model as float32 TFLite", "encoder_int8", "full_float32:ai-edge-litert", 2),
    Aim("device detector against the full model as float32 TFLite", "detector", "full_float32:ai-edge-litert", 2),
)
_HEAD = """\
# Speed and size

<!-- Made by `make docs` from the figures in docs/benchmarks: measure again rather than edit this page. -->

"Faster than Keras" can mean a hundred times or twenty thousand times, depending on which Keras call is compared, so
this page shows all of them, from one run. Each row runs in its own process, pinned to one core, with one thread,
warmed up until its times are stable. Rows take turns of a twentieth of a second, for at least three seconds and 1,000
calls in all. Percentiles are of single calls and include the clock's own 0.05 us; intervals are bootstrapped over the
rounds' medians.

A core does not always run at one speed. In a virtual machine it may run for a while at little more than half of it,
and everything then takes 1.5 to 1.8 times as long. A fixed loop of integer operations is timed before and after each
round, and rounds in which that loop was slow are left out (column rounds). Delays that other processes cause to
single calls are not left out.
"""
_REPEAT = """\
## Repeat the measurements

On a workstation (`pip install 'saelite[workstation,peers]'`):

<!-- test: skip, takes minutes -->
```console
saelite bench digits -o digits
saelite bench digits/digits.tflite --full digits/run --json full.json --plot latency.svg
saelite bench peers --json peers.json
```

The second command takes about four minutes, most of them for 1,000 calls of Keras `predict`; with `--quick` it takes
half a second per row. A row that cannot be measured says why; the others continue.

On your own board (`pip install saelite`), with the same model file; the workstation's figures are shown beside the
board's own and marked as another machine's:

<!-- test: skip, takes minutes -->
```console
saelite bench digits.tflite --json board.json --import-full full.json
```

A connected Edge TPU gets its own row, which says why if it cannot be used. Name any other accelerator with
`--accelerator libdelegate.so`.

To see what became slower since an earlier run, in units of a fixed workload, so that a slower machine does not look
like slower code:

<!-- test: skip, takes minutes -->
```console
saelite bench digits.tflite --compare board.json
```

In a clone, `make bench` does this against the figures on this page, and `make peers` installs the peers and compares
with them. `make test-arm` runs doctor, score, run and the device's tests in real ARM interpreters under emulation.
Times under emulation say nothing about a board, so none are taken from it.

This page is generated from these files:

<!-- test: skip, takes minutes -->
```console
saelite bench digits/digits.tflite --full digits/run --json docs/benchmarks/benchmark.json
saelite bench peers --json docs/benchmarks/peers.json
saelite bench accuracy --adbench ADBench/datasets/Classical --fit-times --json docs/benchmarks/fits.json
python -m benchmarks.trainers.trainer_comparison --adbench ADBench/datasets/Classical \\
    --json docs/benchmarks/trainers.json
python tests/arm/check.py --json docs/benchmarks/arm.json
make docs
```
"""


@dataclass(frozen=True)
class Figures:
    """All that is committed."""

    benchmark: Benchmark
    peers: PeerBenchmark
    fits: Fits
    trainers: TrainerComparison
    boards: list[dict[str, Any]]


def committed() -> Figures:
    """Read the figures beside this file."""
    return Figures(
        read_benchmark(FIGURES / "benchmark.json"),
        read_peers(FIGURES / "peers.json"),
        read_json(FIGURES / "fits.json", Fits, "saelite bench accuracy --adbench DIR --fit-times --json FILE"),
        read_json(FIGURES / "trainers.json", TrainerComparison, "python -m benchmarks.trainers.trainer_comparison"),
        json.loads((FIGURES / "arm.json").read_text(encoding="utf-8")),
    )


def page(figures: Figures) -> str:
    """Return the whole page."""
    head = ("what", "goal", "measured", "95 % interval", "")
    benchmark = figures.benchmark
    tables = all_tables(benchmark)
    parts = [
        _HEAD,
        f"The model: {benchmark.model}. {_noise(benchmark.before.load, benchmark.machine.cores)}",
        "## Goals\n\n" + _markdown(head, _aims(figures)),
        f"## Figures\n\n![Latency of one window]({PLOT.name})\n\n" + "\n\n".join(map(_section, tables)),
        "## Peers\n\n" + _peers(figures.peers),
        "## Learning\n\n" + _fits(figures.fits),
        "### saelite's trainer beside Keras's `fit`\n\n" + _trainers(figures.trainers),
        "## On ARM\n\n" + _boards(figures.boards),
        _REPEAT,
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _noise(load: float | None, cores: int) -> str:
    if load is None or load < cores / 4:
        return "The machine was otherwise nearly idle."
    return f"The machine was in use by others while this was measured (load {load:.1f} on {cores} cores)."


def _aims(figures: Figures) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    for aim in AIMS:
        fast, slow = figures.benchmark.row(aim.fast), figures.benchmark.row(aim.slow)
        if fast is not None and slow is not None:
            ratio = slow.p50_us / fast.p50_us
            low, high = ratio_interval(slow, fast)
            interval = f"{number(low)} to {number(high)}"
            verdict = _verdict(reached=ratio >= aim.at_least)
            rows.append((aim.text, f"≥ {aim.at_least:,.0f} ×", f"{number(ratio)} ×", interval, verdict))
    both = figures.fits.together
    share = both.ours_s / both.pyod_s
    text = f"time to learn {len(figures.fits.sets)} sets against PyOD's AutoEncoder"
    rows.append((text, "≤ 0.25 ×", f"{share:.2f} ×", "", _verdict(reached=share <= 0.25)))
    base = next(board for board in figures.boards if (board["board"], board["runtime"]) == ("arm64", "tflite-runtime"))
    sizes = (
        ("device install, arm64", base["wheels_bytes"] + base["ours_bytes"], 60),
        ("of which saelite", base["ours_bytes"], 1),
    )
    for text, size, limit in sizes:
        rows.append((text, f"≤ {limit} MB", f"{size / 1e6:.3g} MB", "", _verdict(reached=size <= limit * 1e6)))
    return rows


def _verdict(*, reached: bool) -> str:
    return "reached" if reached else "not reached"


def _section(table: ReportTable) -> str:
    return f"### {table.title}\n\n" + _markdown([column.name for column in table.columns], table.rows)


def _peers(peers: PeerBenchmark) -> str:
    table = peer_table(peers)
    text = (
        f"Recording: {peers.recording}. ONNX Runtime and PyTorch run saelite's trained detector, including scaling "
        "and score; the others learn for themselves. ROC AUC is of raw scores, without smoothing. Installed size is "
        f"that of the package with all its dependencies, on {peers.machine.architecture}."
    )
    return f"{text}\n\n{_markdown([column.name for column in table.columns], table.rows)}"


def _fits(fits: Fits) -> str:
    head, *rows = fit_table(fits)
    text = (
        "ADBench's sets, one-class, learnt by both in one process with one thread each; CPU seconds, without imports "
        "and the first fit of each. ROC AUC is of the other half of the normal rows and all anomalies, saelite's from "
        "the exported int8 file. [Public collections](public.md#adbench) has other methods."
    )
    return f"{text}\n\n{_markdown(head, rows)}"


def _trainers(trainers: TrainerComparison) -> str:
    text = (
        "CPU seconds (user and system) of fitting only, one thread; medians over runs. `ours` is saelite's trainer. "
        "All contenders use the same batches, learning rates and early stopping, so they differ only by rounding. "
        f"`{KERAS_EPOCHS}` is `model.fit` with a whole epoch per execution; without `epochs` it executes single steps; "
        "`jit` compiles with XLA. `Keras parts, own loop` is Keras's model and Adam in a graph of a whole epoch, "
        "traced for each model. The first fit of a process also pays for loading and tracing that later ones reuse. "
        + _noise(trainers.load, trainers.machine.cores)
    )
    cpu, quality = ([*table] for table in (trainers.cpu_table(), trainers.quality_table()))
    after = (
        "With the first seed, means over the recordings of the lowest validation loss and of the exported file's ROC "
        "AUC, if it was exported:"
    )
    return f"{text}\n\n{_markdown(cpu[0], cpu[1:])}\n\n{after}\n\n{_markdown(quality[0], quality[1:])}"


def _boards(boards: list[dict[str, Any]]) -> str:
    head = ("board", "runtime", "wheels MB", "saelite MB", "windows", "alarms", "differ in a stream",
            "differ in a batch", "code steps, single", "code steps, batch", "equal codes",
            "instructions per window")  # fmt: skip
    counts = ("n_windows", "n_alarms", "stream_alarms", "batch_alarms", "single_steps", "batch_steps")
    rows = [
        (board["board"], board["runtime"], f"{board['wheels_bytes'] / 1e6:.1f}", f"{board['ours_bytes'] / 1e6:.2f}",
         *(f"{board[name]:,.0f}" for name in counts), f"{board['equal_codes']:.2%}",
         f"{board['instructions_per_window']:,}" if board["instructions_per_window"] else "-")
        for board in boards
    ]  # fmt: skip
    text = (
        "The bundled recording in emulated ARM interpreters against the same runtime on x86_64. Codes are int8; one "
        "step is 1/256. Sizes are of unpacked wheels, without compiled bytecode; armhf takes numpy from Debian. "
        "Codes are the same whether windows are scored one at a time or in a batch: where a runtime's int8 kernels "
        "round batches differently (tflite-runtime on ARM), `score_many` scores the windows one at a time, at about "
        "half the speed. Instructions are those of one `Detector.score`, Python included, counted by the emulator; "
        "unlike emulated times, they are the same in every run to a tenth of a percent."
    )
    return f"{text}\n\n{_markdown(head, rows)}"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def _draw() -> None:
    PLOT.write_bytes(draw(committed().benchmark, "svg"))


if __name__ == "__main__":
    page_command(PAGE, lambda: page(committed()), _draw)()
