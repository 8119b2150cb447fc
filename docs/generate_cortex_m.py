"""Write docs/benchmarks/cortex-m.md from the figures committed in docs/benchmarks/cortex_m.json.

python docs/generate_cortex_m.py            write the page
python docs/generate_cortex_m.py --check    exit 1 if the page is out of date

`tests/cortex_m/measure.py --json` writes the figures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from generated_page import page_command

FIGURES = Path(__file__).with_name("benchmarks") / "cortex_m.json"
PAGE = FIGURES.with_name("cortex-m.md")
_HEAD = """\
# Microcontrollers

<!-- Made by `make docs` from docs/benchmarks/cortex_m.json: measure again rather than edit this page. -->

What the C library of [`--target c`](../how-to/bare-metal.md) takes on a Cortex-M or a RISC-V: compiled with `-Os` by
@@COMPILERS@@,
with newlib-nano and picolibc, run by QEMU. The models are those of a pump with four sensors; a network such as 12-16-12
has 12 inputs, 16 hidden units and 12 codes, and its decoder mirrors it where the head needs one.

- **Flash** and **RAM** are what the linker's map says the detector adds to an empty firmware, without the stack:
  window, features, network, score, smoothing and alarm. Floating-point routines of libgcc are included.
- **Instructions** are those of one reading that completes a window, the mean of 64, by QEMU's count. The count is the
  same each time; the number of cycles depends on the processor.
- The heads `inputs` and `modes` do not use the network, so the linker leaves it out.
- M0, M3 and RV32 (rv32imac) have no floating-point unit; M4F, M33 and RV32F (rv32imafc) have one for single precision,
  the M7 one for double precision too.

"""
_NETWORKS = """\
## The network alone

`NAME_net.c`, encoder and decoder, beside a perceptron of the same size that
[emlearn](https://github.com/emlearn/emlearn) @@EMLEARN@@ writes from scikit-learn's `MLPRegressor` (`method="inline"`,
ReLU) and that computes in float32. saelite's is int8 and gives the model file's codes to the bit.

| by | network | flash, M3 | RAM | instructions, M3 | flash, M4F | instructions, M4F |
|---|---|--:|--:|--:|--:|--:|
"""
_TAIL = """\
## Agreement with the Python host

@@WINDOWS@@ windows (these models, in both roundings, on all boards) were compared with the Python host at the same
rounding: @@DIFFERENCES@@ codes differ. `tests/export/test_cortex_m.py` also compares inputs, scores (to 10⁻⁵) and
alarms, for every head in int8 and float32, on some of these boards. These are emulated processors; nothing has run on
real hardware yet.

<!-- test: skip, needs cross-compilers and takes minutes -->
```sh
python tests/cortex_m/measure.py --json docs/benchmarks/cortex_m.json
```
"""


def page() -> str:
    """Return the whole page."""
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    models = figures["models"]
    tail = _TAIL.replace("@@WINDOWS@@", f"{sum(model['windows'] for model in models):,}")
    tail = tail.replace("@@DIFFERENCES@@", str(sum(model["differences"] for model in models)))
    head = _HEAD.replace("@@COMPILERS@@", _compilers(figures))
    tables = (("Flash, bytes", "flash"), ("RAM, bytes", "ram"), ("Instructions per window", "instructions"))
    parts = ("".join(_table(title, key, models)) for title, key in tables)
    return "".join([head, *parts, _NETWORKS.replace("@@EMLEARN@@", figures["emlearn"]), *_networks(figures), tail])


def _compilers(figures: dict[str, Any]) -> str:
    return " and ".join(f"{name} {version}" for name, version in figures["compilers"].items())


def _table(title: str, key: str, models: list[dict[str, Any]]) -> Iterator[str]:
    boards = list(models[0]["boards"])
    yield f"## {title}\n\n| head | network | {' | '.join(boards)} |\n|---|---|{'--:|' * len(boards)}\n"
    for model in models:
        cells = (f"{model['boards'][board][key]:,}" for board in boards)
        yield f"| `{model['head']}` | {model['network']} | {' | '.join(cells)} |\n"
    yield "\n"


def _networks(figures: dict[str, Any]) -> Iterator[str]:
    for one in figures["networks"]:
        m3, m4 = one["boards"]["M3"], one["boards"]["M4F"]
        cells = (m3["flash"], m3["ram"], m3["instructions"], m4["flash"], m4["instructions"])
        yield f"| {one['by']} | {one['network']} | {' | '.join(f'{cell:,}' for cell in cells)} |\n"
    yield "\n"


if __name__ == "__main__":
    page_command(PAGE, page)()
