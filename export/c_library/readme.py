"""``README.md`` and ``CMakeLists.txt`` of a C library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_runtime.inference.attribution import Attribution
from edge_runtime.model_file.container import ModelFile
from export.c_library.c_text import fill, markdown
from export.c_library.network import Dense, FloatDense, Program

_README = """\
# @title@

An anomaly detector in C99, written by saelite @version@ from the model file with SHA-256 `@sha256@`. It allocates
nothing, and needs no operating system. @libm@

| file | contents |
|---|---|
| `@n@_detector.h`, `@n@_detector.c` | readings in, score and alarm out |
| `@n@_net.h`, `@n@_net.c` | the network, called by the detector@network@ |
| `@n@_selftest.c` | reference windows with the expected codes and scores; run it once on your board |
| `CMakeLists.txt` | target `@n@`, and the test `@n@_selftest` |

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

| | |
|---|--:|
| constants for the network, bytes of flash | @net_bytes@ |
| constants for the score, bytes of flash | @head_bytes@ |
| constants for the sensors to blame, bytes of flash, only if you call `@n@_detector_blame` | @blame_bytes@ |
| RAM, all of it in `@n@_detector`, bytes | @ram@ |
| multiplications of integers per window | @integer@ |
| multiplications of floats per window, without the features | @float@ |

Compile with `-ffunction-sections -fdata-sections -Wl,--gc-sections`, and without
`-ffast-math`. Code takes 2 to 6 kB more.

The self-test on a computer:

```console
cc -std=c99 -O2 *.c -lm -o selftest && ./selftest
```
"""

_CMAKE = """\
cmake_minimum_required(VERSION 3.10)
project(@n@ C)

add_library(@n@ STATIC @n@_net.c @n@_detector.c)
target_include_directories(@n@ PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
set_target_properties(@n@ PROPERTIES C_STANDARD 99 C_STANDARD_REQUIRED ON)
if(UNIX)
  target_link_libraries(@n@ PUBLIC m)
endif()

if(CMAKE_PROJECT_NAME STREQUAL PROJECT_NAME AND NOT CMAKE_CROSSCOMPILING)
  enable_testing()
  add_executable(@n@_selftest @n@_selftest.c)
  target_link_libraries(@n@_selftest PRIVATE @n@)
  add_test(NAME @n@_selftest COMMAND @n@_selftest)
endif()
"""


def readme_text(model: ModelFile, fields: Mapping[str, Any], program: Program, rounding: str) -> str:
    """Return ``README.md``."""
    spec, arrays = model.manifest.spec, model.arrays
    layers = [step for step in program.steps if isinstance(step, Dense | FloatDense)]
    products = sum(step.weights.size for step in layers) if fields["runs_network"] else 0
    head = arrays["head_whitening"].size
    integer, float_ = (products, head) if program.is_int8 else (0, products + head)
    words = {"litert": "rounded as LiteRT's reference kernels do", "tflm": "rounded as TensorFlow Lite Micro does"}
    known = f", int8, {words[rounding]}" if program.is_int8 else ", float32"
    sensors = ", ".join(markdown(f"{one.name} ({one.unit})" if one.unit else one.name) for one in spec.sensors)
    unused = "" if fields["runs_network"] else ". This detector's score does not need it, so no linker keeps it"
    values = {
        "title": markdown(model.manifest.name),
        "network": known + unused, "sensors": sensors, "integer": integer, "float": float_,
        "net_bytes": sum(step.weights.nbytes + 4 * len(step.bias) for step in layers),
        "head_bytes": sum(one.nbytes for name, one in arrays.items() if name.startswith("head_")),
        "blame_bytes": _blame_bytes(Attribution.from_arrays(arrays)),
    }  # fmt: skip
    return fill(_README, {**fields, **values})


def _blame_bytes(attribution: Attribution | None) -> int:
    return 0 if attribution is None else sum(one.nbytes for one in attribution.arrays().values())


def cmake_text(fields: Mapping[str, Any]) -> str:
    """Return ``CMakeLists.txt``."""
    return fill(_CMAKE, fields)
