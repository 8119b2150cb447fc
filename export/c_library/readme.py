"""``README.md`` of a C library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_runtime.inference.attribution import Attribution
from edge_runtime.model_file.container import ModelFile
from export.c_library.blame import blame_bytes
from export.c_library.c_text import fill, markdown
from export.c_library.core_costs import CORES
from export.c_library.cost import cost_of
from export.c_library.file_plan import plan_of_file
from export.c_library.head import head_bytes, head_of, products_of
from export.c_library.network import Dense, FloatDense, Program
from export.c_library.work import Plan

_README = """\
# @title@

An anomaly detector in C99, written by saelite @version@ from the model file with SHA-256 `@sha256@`. It allocates
nothing, and needs no operating system. @libm@

@layout@

## Use it

```c
#include "@n@_detector.h"

static @n@_detector detector;

void setup(void) { @n@_detector_init(&detector); }

void on_reading(const float reading[@N@_SENSORS]) {
  if (@n@_detector_update(&detector, reading) && detector.alarm) {
    // detector.smoothed is above its threshold, @N@_THRESHOLD
  }
}
```

A reading holds, in this order: @sensors@. A missing value is `NAN`.
@time@
| | Cortex-M0 | M3 | M4F |
|---|--:|--:|--:|
| flash, bytes, about | @flash@ |
| instructions per window, about | @instructions@ |

These are estimates for `-Os`, within about 10 % of the flash and 20 % of the instructions, without the sensors to
blame. Of the flash, the floating-point routines of the compiler's library are most on an M0 and M3; firmware that
computes with floats has them already.

| | |
|---|--:|
| constants for the network, bytes of flash | @net_bytes@ |
| constants for the score, bytes of flash | @head_bytes@ |
| constants for the sensors to blame, bytes of flash, only if you call `@n@_detector_blame` | @blame_bytes@ |
| RAM, all of it in `@n@_detector`, bytes | @ram@ |
| multiplications of integers per window | @integer@ |
| multiplications of floats per window, without the features | @float@ |
"""


_TIME = """
What is usual at the time of day is taken away from each reading: call `@n@_detector_set_time(&detector, seconds)`
before each update, with the seconds since 1970 in UTC of a clock that is right within a few minutes.
"""


def readme_text(model: ModelFile, fields: Mapping[str, Any], program: Program) -> str:
    """Return ``README.md``, in which ``@layout@`` is left for the part on files and how to build them."""
    spec, arrays = model.manifest.spec, model.arrays
    layers = [step for step in program.steps if isinstance(step, Dense | FloatDense)]
    products = sum(step.weights.size for step in layers) if fields["runs_network"] else 0
    head = head_of(model)
    in_integers, in_floats = products_of(head)
    integer, float_ = (products + in_integers, in_floats) if program.is_int8 else (in_integers, products + in_floats)
    sensors = ", ".join(markdown(f"{one.name} ({one.unit})" if one.unit else one.name) for one in spec.sensors)
    values = {
        "title": markdown(model.manifest.name),
        "layout": "@layout@", "sensors": sensors,
        "time": fill(_TIME, fields) if spec.cycles else "",
        "integer": integer, "float": float_,
        **_costs(plan_of_file(model, program), spec.scoring.head),
        "net_bytes": sum(step.weights.nbytes + 4 * len(step.bias) for step in layers),
        "head_bytes": head_bytes(head),
        "blame_bytes": blame_bytes(Attribution.from_arrays(arrays)),
    }  # fmt: skip
    return fill(_README, {**fields, **values})


def _costs(plan: Plan, head: str) -> dict[str, str]:
    costs = {core: cost_of(plan, head, core) for core in CORES}
    return {
        "flash": " | ".join(f"{cost.flash:,}" for cost in costs.values()),
        "instructions": " | ".join(f"{cost.instructions[core]:,}" for core, cost in costs.items()),
    }


def network_text(fields: Mapping[str, Any], program: Program, rounding: str) -> str:
    """Return what there is to say of the network: its numbers, their rounding, and whether it is needed."""
    words = {"litert": "rounded as LiteRT's reference kernels do", "tflm": "rounded as TensorFlow Lite Micro does"}
    known = f", int8, {words[rounding]}" if program.is_int8 else ", float32"
    unused = "" if fields["runs_network"] else ". This detector's score does not need it, so no linker keeps it"
    return known + unused
