"""Sizes and instructions of the C library on emulated Cortex-M and RISC-V boards.

python tests/cortex_m/measure.py --json docs/benchmarks/cortex_m.json

Trains the pump of the tests with several heads and networks, exports each as C, and cross-compiles it with
gcc -Os. Flash and RAM are what the linker's map says the detector adds to an empty firmware;
instructions are QEMU's, per reading that completes a window. The network alone is compared with one of the same size
by emlearn, which must be installed (pip install emlearn), and the encoder with the reference kernels of TensorFlow Lite
Micro, whose headers are in the wheels of xmos-ai-tools (xmos_ai_tools/runtime/include) and tensorflow
(tensorflow/include/external/gemmlowp); they need libstdc++-arm-none-eabi-dev. Without --headers, the committed figures
of these kernels stay.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import click
import numpy as np
from emulated_boards import BOARDS, Firmware, missing_tools
from machines import pump_rows, train_pump
from python_host import python_results

from export.c_library.library import ROUNDINGS
from export.c_library.work import Plan, constant_bytes, network_bytes
from export.export_run import ExportSettings, export_run

LARGE = {"window": 20, "hidden": (64,), "code_size": 32}
MODELS = [("spe", {}), ("inputs", {}), ("t2x", {}), ("joint", {}), ("modes", {}), ("deep", {}), ("codebook", {}),
          ("spe", LARGE), ("t2x", LARGE)]  # fmt: skip
"""Heads, and settings beside those of the tests' pump."""
_HEAD_BOARDS = ("M0", "M3", "M4F")


def measured() -> Iterator[dict[str, Any]]:
    """Yield the figures of each model."""
    for head, options in MODELS:
        run = train_pump(head, **options).folder
        model = export_run(run, ExportSettings("int8", "c"))
        rows = pump_rows(400, seed=9)
        rows[200:230, 1] += 20_000
        sizes = [options.get("window", 3) * 4, *options.get("hidden", (16,)), options.get("code_size", 12)]
        yield {
            "head": head,
            "network": "-".join(map(str, sizes)),
            "boards": _boards(model, rows),
            "head_part": head_part(run, model, rows),
            **_checked(model, rows),
        }


def networks() -> Iterator[dict[str, Any]]:
    """Yield the figures of networks alone, ours and emlearn's of the same size, on a Cortex-M3 and an M4F."""
    for options in ({}, LARGE):
        run = train_pump("spe", **options).folder
        model = export_run(run, ExportSettings("int8", "c"))
        inputs, hidden, units = (
            options.get("window", 3) * 4,
            *options.get("hidden", (16,)),
            options.get("code_size", 12),
        )
        sizes = (hidden, units, hidden)
        with tempfile.TemporaryDirectory() as folder:
            firmware, flags = Firmware(model, Path(folder)), _emlearn(Path(folder), inputs, sizes)
            for by, chosen in (("saelite, int8", ()), ("emlearn, float32", flags)):
                boards = {name: firmware.network(BOARDS[name], chosen) for name in ("M3", "M4F")}
                yield {"by": by, "network": "-".join(map(str, (inputs, *sizes, inputs))), "boards": boards}


def encoders(headers: tuple[Path, ...]) -> Iterator[dict[str, Any]]:
    """Yield the figures of encoders alone, ours and the same by the reference kernels of TensorFlow Lite Micro."""
    for options in ({}, LARGE):
        model = export_run(train_pump("t2x", **options).folder, ExportSettings("int8", "c"))
        units = (options.get("window", 3) * 4, *options.get("hidden", (16,)), options.get("code_size", 12))
        with tempfile.TemporaryDirectory() as folder:
            firmware = Firmware(model, Path(folder))
            ours = {name: firmware.network(BOARDS[name]) for name in ("M3", "M4F")}
            tflm = {name: firmware.tflm(BOARDS[name], units, headers) for name in ours}
        for by, boards in (("saelite", ours), ("TFLM's reference kernels", tflm)):
            yield {"by": by, "network": "-".join(map(str, units)), "boards": boards}


def _emlearn(folder: Path, inputs: int, sizes: tuple[int, ...]) -> tuple[str, ...]:
    """Write a network by emlearn, whose weights do not matter here, and return the compiler's flags for it."""
    import emlearn
    from sklearn.neural_network import MLPRegressor

    x = np.random.default_rng(0).normal(size=(100, inputs))
    network = MLPRegressor(hidden_layer_sizes=sizes, random_state=0).partial_fit(x, x)
    emlearn.convert(network, method="inline").save(name="emlearn_network", file=str(folder / "emlearn_network.h"))
    return "-DEMLEARN", f"-I{folder}", f"-I{emlearn.includedir}"


def head_part(run: Any, model: Any, rows: Any) -> dict[str, Any]:
    """Return what of a detector is the head: bytes of its constants, and instructions, also if it were floats."""
    head, arrays = model.manifest.spec.scoring.head, model.arrays
    modes = len(arrays["head_mean"]) if head == "modes" else 1
    prototypes = len(arrays.get("head_centers", [0]))
    plan = Plan(run.spec.preprocessing, run.network, modes=modes, prototypes=prototypes)
    with tempfile.TemporaryDirectory() as folder:
        firmware = Firmware(model, Path(folder))
        counts = {core: firmware.head_instructions(BOARDS[core], rows) for core in _HEAD_BOARDS}
        in_floats = firmware.float_head_instructions(BOARDS["M4F"], plan.width(head), modes)
    constants = constant_bytes(plan, head) - 8 * run.spec.preprocessing.sensors - network_bytes(plan, head)
    return {"variables": plan.width(head), "modes": modes, "bytes": constants, "instructions": counts,
            "in_floats": in_floats}  # fmt: skip


def _boards(model: Any, rows: Any) -> dict[str, dict[str, int]]:
    with tempfile.TemporaryDirectory() as folder:
        firmware, figures = Firmware(model, Path(folder)), {}
        for name, board in BOARDS.items():
            flash, ram = firmware.sizes(board)
            figures[name] = {"flash": flash, "ram": ram, "instructions": firmware.instructions(board, rows)}
    return figures


def _checked(model: Any, rows: Any) -> dict[str, int]:
    """Return how many windows ran on all boards in both roundings, and how many of their codes differ from Python's."""
    windows = differences = 0
    for rounding in ROUNDINGS:
        expected = python_results(model, rows, rounding)
        with tempfile.TemporaryDirectory() as folder:
            firmware = Firmware(model, Path(folder), rounding)
            for board in BOARDS.values():
                said = firmware.replay(board, rows)
                windows += len(said)
                differences += int((said["codes"] != expected.codes).sum())
    return {"windows": windows, "differences": differences}


def _version(compiler: str) -> str:
    done = subprocess.run([compiler, "-dumpversion"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@click.command()
@click.option("--json", "path", type=click.Path(path_type=Path), required=True, help="File to write the figures to.")
@click.option(
    "--headers", type=click.Path(path_type=Path, exists=True), multiple=True, help="Folder of TFLM's headers."
)
def main(path: Path, headers: tuple[Path, ...]) -> None:
    """Measure sizes and instructions."""
    if reason := missing_tools():
        raise click.ClickException(reason)
    compilers = sorted({board.toolchain.gcc for board in BOARDS.values()})
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"before": [], "encoders": []}
    figures = {"compilers": {compiler: _version(compiler) for compiler in compilers}, "before": known["before"],
               "models": []}  # fmt: skip
    for model in measured():
        click.echo(f"{model['head']}, {model['network']}: {model['boards']['M3']}")
        figures["models"].append(model)
    figures["emlearn"] = importlib.metadata.version("emlearn")
    figures["networks"] = list(networks())
    figures["encoders"] = list(encoders(headers)) if headers else known["encoders"]
    path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
