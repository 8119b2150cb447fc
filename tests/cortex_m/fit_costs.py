"""Fit the weights of the cost model to what linker and QEMU say of two dozen detectors.

python tests/cortex_m/fit_costs.py export/c_library/core_costs.py

Writes what a piece of code takes, and a step of each kind, on every core; see `export.c_library.cost`.
`tests/export/test_costs.py` asks for other detectors whether the model is right.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import click
import numpy as np
from emulated_boards import BOARDS, Firmware, missing_tools
from machines import pump_rows, train_pump
from scipy.optimize import nnls

from edge_runtime.inference.heads import needs_decoder
from export.c_library.work import Plan, code_parts, constant_bytes, operations
from export.export_run import ExportSettings, export_run

CORES = ("M0", "M3", "M4F")
_LARGE = {"window": 20, "hidden": (64,), "code_size": 32}
_DEFAULT = {"window": 4, "features": ("mean", "std"), "hidden": (128,), "code_size": 32}
_WINDOW = {"window": 16}
DETECTORS: tuple[tuple[tuple[str, ...], dict[str, Any], str], ...] = (
    (("spe", "inputs", "t2x", "joint", "modes", "codebook", "deep"), {}, "int8"),
    (("spe", "t2x", "deep", "inputs", "residual"), _LARGE, "int8"),
    (("deep", "inputs", "codebook"), _DEFAULT, "int8"),
    (("t2", "t2x"), {"window": 2, "code_size": 3}, "int8"),
    (("inputs",), {**_WINDOW, "features": ("mean", "std", "min", "max", "slope")}, "int8"),
    (("inputs",), {**_WINDOW, "features": ("min", "max")}, "int8"),
    (("t2x",), {**_WINDOW, "features": ("slope",)}, "int8"),
    (("t2x",), {**_WINDOW, "features": ("mean",)}, "int8"),
    (("inputs",), {**_WINDOW, "features": ("spectrum",), "bands": 4}, "int8"),
    (("t2x",), {"window": 32, "features": ("values", "spectrum"), "bands": 8}, "int8"),
    (("inputs",), {"mean_rate": 0.02, "scale_rate": 1e-4}, "int8"),
    (("inputs",), {**_WINDOW, "features": ("mean",), "mean_rate": 0.01, "scale_rate": 1e-4}, "int8"),
    (("deep",), {**_DEFAULT, "mean_rate": 0.01, "scale_rate": 1e-4}, "int8"),
    (("inputs",), {"window": 12, "features": ("slope", "mean"), "mean_rate": 0.02}, "int8"),
    (("t2x", "spe"), {}, "float32"),
    (("deep",), _LARGE, "float32"),
)
"""Heads, settings beside those of the tests' pump, and number format."""
_TITLE = '''\
"""What a piece of code takes and a step of each kind costs, by core; written by tests/cortex_m/fit_costs.py.

Bytes as arm-none-eabi-gcc -Os links them, instructions as QEMU counts them; M0 and M3 compute floats in software.
"""

from __future__ import annotations

from collections.abc import Mapping

CORES: Mapping[str, Mapping[str, Mapping[str, float]]] = '''


@dataclass(frozen=True)
class Figures:
    """What one detector takes on each core.

    Parameters
    ----------
    plan : Plan
    head : str
    flash, ram, instructions : dict of str to int
    """

    plan: Plan
    head: str
    flash: dict[str, int]
    ram: dict[str, int]
    instructions: dict[str, int]


def figures_of(head: str, options: dict[str, Any], scheme: str) -> Figures:
    """Return what a detector of the tests' pump takes."""
    run = _run(needs_decoder(head), tuple(options.items()))
    run = replace(run, spec=run.spec._replace(scoring=run.spec.scoring._replace(head=head)))
    model = export_run(run, ExportSettings(scheme, "c"))
    follows, arrays, rows = bool(model.manifest.spec.scoring.mean_rate), model.arrays, pump_rows(400, seed=9)
    modes = len(arrays["head_mean"]) if head == "modes" else 1
    prototypes = len(arrays["head_centers"]) if head == "codebook" else 1
    plan = Plan(run.spec.preprocessing, run.network, scheme == "int8", follows, modes, prototypes)
    with tempfile.TemporaryDirectory() as folder:
        firmware = Firmware(model, Path(folder))
        sizes = {name: firmware.sizes(BOARDS[name]) for name in CORES}
        counts = {name: firmware.instructions(BOARDS[name], rows) for name in CORES}
    flash, ram = ({name: size[part] for name, size in sizes.items()} for part in range(2))
    return Figures(plan, head, flash, ram, counts)


@cache
def _run(has_decoder: bool, options: tuple[tuple[str, Any], ...]) -> Any:
    return train_pump("joint" if has_decoder else "deep", **dict(options)).folder


def measured() -> Iterator[Figures]:
    """Yield the figures of each detector."""
    for heads, options, scheme in DETECTORS:
        for head in heads:
            yield figures_of(head, options, scheme)


def weights_of(found: list[Figures], core: str) -> dict[str, dict[str, float]]:
    """Return the weights, none negative, at which the relative errors are smallest."""
    code = [one.flash[core] - constant_bytes(one.plan, one.head) for one in found]
    counts = [one.instructions[core] for one in found]
    flash = [one.flash[core] for one in found]
    return {
        "code": _fitted(found, code_parts, code, flash),
        "instructions": _fitted(found, operations, counts, counts),
    }


def _fitted(
    found: list[Figures], parts: Callable[[Plan, str], dict[str, float]], wanted: list[int], whole: list[int]
) -> dict[str, float]:
    rows = [parts(one.plan, one.head) for one in found]
    names = sorted(set().union(*rows))
    matrix = np.array([[row.get(name, 0.0) for name in names] for row in rows]) / np.array(whole)[:, None]
    solution, _ = nnls(matrix, np.array(wanted) / np.array(whole))
    return {name: round(float(weight), 1) for name, weight in zip(names, solution, strict=True)}


def text_of(weights: dict[str, dict[str, dict[str, float]]]) -> str:
    """Return the weights as a Python module."""
    lines = []
    for core, kinds in weights.items():
        lines.append(f'    "{core}": {{')
        for kind, known in kinds.items():
            cells = (f'            "{name}": {weight},' for name, weight in known.items())
            lines += [f'        "{kind}": {{', *cells, "        },"]
        lines.append("    },")
    return "\n".join([f"{_TITLE}{{", *lines, "}", ""])


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
def main(path: Path) -> None:
    """Measure, fit, and write the weights."""
    if reason := missing_tools():
        raise click.ClickException(reason)
    found = list(measured())
    weights = {core: weights_of(found, core) for core in CORES}
    path.write_text(text_of(weights), encoding="utf-8")


if __name__ == "__main__":
    main()
