"""Write docs/benchmarks/cortex-m.md from the figures committed in docs/benchmarks/.

python docs/generate_cortex_m.py            write the page
python docs/generate_cortex_m.py --check    exit 1 if the page is out of date

`tests/cortex_m/measure.py --json` writes the figures, and `python -m benchmarks.head_forms` those of
docs/benchmarks/head_forms.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from generated_page import page_command

FIGURES = Path(__file__).with_name("benchmarks") / "cortex_m.json"
FORMS = FIGURES.with_name("head_forms.json")
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
_ENCODERS = """\
The encoder alone, beside the same layers by the reference kernels of TensorFlow Lite Micro (TFLM), compiled from the
headers in the wheel of [xmos-ai-tools](https://pypi.org/project/xmos-ai-tools/) 1.4.2. TFLM's rows are the least that
it can take: weights and kernels, without the interpreter, the file's structure and the arena around them, whose sources
are in no package that was found. Measured with those, before this library was written, the larger encoder took 34.0 kB
of flash, an arena of 724 bytes and 480 besides, and 136,988 instructions on an M3. TFLM can take faster kernels, of
CMSIS-NN, which are not measured here. Exported with `--rounding tflm`, saelite's network gives TFLM's codes to the bit.

| by | network | flash, M3 | RAM | instructions, M3 | flash, M4F | instructions, M4F |
|---|---|--:|--:|--:|--:|--:|
"""
_HEADS = """\
## What the head takes

Heads with a covariance are [integers](../concepts/scoring.md#on-small-chips): a triangular factor of 8 bits for
`inputs` and `modes`; of the others', the leading columns have 16. Before, they were a dense matrix of floats; *before*
is what this page said of the same detectors then. Instructions of the head alone are those of the detector less those
of one whose head gives a constant; before, they are what the detectors took less what was not the head, by the cost
model of then. *In floats* is the same triangle in plain C and single precision, from values that are floats already
(`tests/support/emulated/float_head.c`).

| head | network | variables | constants, bytes | of before | instructions, M0 | of before | M3 | of before | M4F \
| of before | M4F, in floats |
|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
"""
_WHOLE = """\

What forbids less:

- **Constants.** A triangle of d (d + 1) / 2 elements of 16 bits is a quarter of the d (d + 1) floats before, to the
  byte; a mean, a gain and a shift add 6 bytes for each variable. Eight bits are an eighth. They are used throughout
  where they cost next to no detection (below), and otherwise for the last and shortest columns, as many as make it a
  quarter in all. `t2`, of the codes alone, needs 16 bits throughout: 0.30 with 32 codes.
- **Instructions with a float unit** (M4F, M7, M33). It multiplies and adds floats in one instruction, as the integer
  unit does: of each product, the loads are most. The triangle has half as many products; two columns at a time share
  the loads of the variables, and dual multiplications (SMLAD) take one and a half instructions for each product where
  a float takes four and a half. Each variable takes some 50 instructions besides, to be rounded, shifted and squared.
  With a dozen variables these are most, and floats would take a tenth less than integers (*in floats*, above); with
  two dozen integers take less, with a hundred half. Integers give the same score to the bit on every board and
  computer; floats cannot, as the order in which they are added counts, and their factor takes two to four times as
  much flash.

The whole detector before and now; part of what is saved is the network's, which multiplies four values at a time:

| head | network | flash, M0 | M3 | M4F | M7 | instructions, M0 | M3 | M4F | M7 |
|---|---|--:|--:|--:|--:|--:|--:|--:|--:|
"""
_FORMS = """\
## What the form costs in detection

ROC-AUC lost against the head in float32, fitted on the same outputs of an int8 network, on @@SETS@@ sets (12 of
ADBench, 5 recordings of SKAB, the Tennessee Eastman process) with @@SEEDS@@ seeds each; a negative loss is a gain. The
form was chosen on these; *elsewhere* are @@OTHERS@@ recordings of SKAB that nothing was chosen on. In use are 8 bits
for `inputs` and `modes`, 16 for `t2`, and *16 and 8* for the others, which 8 bits cost too much in places. Elements are
rounded together; each for itself costs more, and a covariance of few factors is another head. Files with the whole
detector in the graph, as for `cpu`, hold large matrices in float16.

| head | form | mean loss | worst | mean, elsewhere | worst |
|---|---|--:|--:|--:|--:|
"""
_TAIL = """\
## Agreement with the Python host

@@WINDOWS@@ windows (these models, in both roundings, on all boards) were compared with the Python host at the same
rounding: @@DIFFERENCES@@ codes differ. `tests/export/test_cortex_m.py` also compares inputs, scores (to 10⁻⁵) and
alarms, for every head in int8 and float32, on some of these boards. These are emulated processors; nothing has run on
real hardware yet.

<!-- test: skip, needs cross-compilers and takes minutes -->
```sh
python tests/cortex_m/measure.py --json docs/benchmarks/cortex_m.json --headers xmos_ai_tools/runtime/include \\
  --headers tensorflow/include/external/gemmlowp
python -m benchmarks.head_forms --data ../shared/data --json docs/benchmarks/head_forms.json --seeds 2
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
    networks = [_NETWORKS.replace("@@EMLEARN@@", figures["emlearn"]), *_networks(figures["networks"])]
    networks += [_ENCODERS, *_networks(figures["encoders"])]
    return "".join([head, *parts, *_heads(figures), *_forms(), *networks, tail])


def _heads(figures: dict[str, Any]) -> Iterator[str]:
    """Yield what heads in integers take beside what they took in float32."""
    before = {(one["head"], one["network"]): one for one in figures["before"] if one["head"] != "spe"}
    pairs = [(one, before[key]) for one in figures["models"] if (key := (one["head"], one["network"])) in before]
    yield _HEADS
    for one, then in pairs:
        part = one["head_part"]
        # A whitening and a mean, or one of each per mode.
        dense = 4 * part["variables"] * (part["variables"] + 1) * part["modes"]
        cells = (f"{now:,} | {now / then['head_part'][board]:.2f}" for board, now in part["instructions"].items())
        yield f"| `{one['head']}` | {one['network']} | {part['variables']} | {part['bytes']:,} | "
        yield f"{part['bytes'] / dense:.2f} | {' | '.join(cells)} | {part['in_floats']:,} |\n"
    yield _WHOLE
    for one, then in pairs:
        both = (f"{then['boards'][board][key]:,} → {one['boards'][board][key]:,}"
                 for key in ("flash", "instructions") for board in ("M0", "M3", "M4F", "M7"))  # fmt: skip
        yield f"| `{one['head']}` | {one['network']} | {' | '.join(both)} |\n"
    yield "\n"


def _loss(value: float) -> str:
    return f"{round(value, 4) + 0.0:.4f}"


def _forms() -> Iterator[str]:
    figures = json.loads(FORMS.read_text(encoding="utf-8"))
    text = _FORMS.replace("@@SETS@@", str(len(figures["sets"]))).replace("@@SEEDS@@", str(figures["seeds"]))
    yield text.replace("@@OTHERS@@", str(len(figures["other_sets"])))
    for one in figures["losses"]:
        losses = (_loss(one[name]) for name in ("mean", "worst", "other_mean", "other_worst"))
        yield f"| `{one['head']}` | {one['form']} | {' | '.join(losses)} |\n"
    yield "\n"


def _compilers(figures: dict[str, Any]) -> str:
    return " and ".join(f"{name} {version}" for name, version in figures["compilers"].items())


def _table(title: str, key: str, models: list[dict[str, Any]]) -> Iterator[str]:
    boards = list(models[0]["boards"])
    yield f"## {title}\n\n| head | network | {' | '.join(boards)} |\n|---|---|{'--:|' * len(boards)}\n"
    for model in models:
        cells = (f"{model['boards'][board][key]:,}" for board in boards)
        yield f"| `{model['head']}` | {model['network']} | {' | '.join(cells)} |\n"
    yield "\n"


def _networks(measured: list[dict[str, Any]]) -> Iterator[str]:
    for one in measured:
        m3, m4 = one["boards"]["M3"], one["boards"]["M4F"]
        cells = (m3["flash"], m3["ram"], m3["instructions"], m4["flash"], m4["instructions"])
        yield f"| {one['by']} | {one['network']} | {' | '.join(f'{cell:,}' for cell in cells)} |\n"
    yield "\n"


if __name__ == "__main__":
    page_command(PAGE, page)()
