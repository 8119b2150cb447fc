"""C of a scoring head and the constants it needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from edge_runtime.arrays import IntArray
from edge_runtime.errors import UsageError
from edge_runtime.inference.heads import Head, ScoringHead, hidden_outputs
from edge_runtime.inference.packed_head import LARGEST, PackedHead, read_head
from edge_runtime.model_file.container import ModelFile
from edge_runtime.model_file.manifest import QuantizedTensor
from export.c_library import head_templates as templates
from export.c_library.c_text import EXPONENT_BIAS, floats, identifier, integers, single

_WORD = 32
"""Bits of a register."""


def head_of(model: ModelFile) -> ScoringHead:
    """Return a file's head, in integers or with a diagonal whitening.

    Raises
    ------
    UsageError
        If it has another form: the file was not exported for a small chip.
    """
    head = read_head(model.manifest.spec.scoring.head, model.arrays)
    if isinstance(head, Head) and head.whitening.ndim > 1:
        raise UsageError(
            "the head has no form in C: expected one in integers. Received: one in float32, as for other targets. "
            "Export with --target c or micro."
        )
    if isinstance(head, PackedHead) and not _has_form(head):
        raise UsageError(
            "the head has no form in C: expected gains that are powers of two. Received: those of an earlier version. "
            "Export the run again."
        )
    return head


def head_bytes(head: ScoringHead) -> int:
    """Return the size of the head's arrays in C."""
    if not isinstance(head, PackedHead):
        return sum(one.nbytes for one in head.arrays().values())
    centers = 0 if head.centers is None else head.centers.nbytes
    return head.mean.nbytes + head.gain.size + head.shift.size + head.factor.size * _factor_bytes(head) + centers


def _has_form(head: PackedHead) -> bool:
    """Return whether shifts fit in 32 bits, and gains are powers of two or 0."""
    gains = np.where(head.gain > 0, np.exp2(_exponents(head) - float(EXPONENT_BIAS)), 0.0)
    return bool(head.shift.max() < _WORD and (gains == head.gain).all())


def _factor_bytes(head: PackedHead) -> int:
    """Return the bytes of an element: one, if 32 bits then hold every sum."""
    most = LARGEST * head.column_sums().max() + np.exp2(head.shift.max(initial=1) - 1.0)
    return 1 if np.abs(head.factor).max() <= np.iinfo(np.int8).max and most < 2.0**31 else 2


def _exponents(head: PackedHead) -> IntArray:
    """Return the exponent of each gain as a float32 has it; 0 for 0."""
    return np.asarray(np.where(head.gain > 0, np.frexp(head.gain)[1] - 1 + EXPONENT_BIAS, 0))


def head_constants(head: ScoringHead) -> Iterable[str]:
    """Yield the head's arrays."""
    if isinstance(head, Head):
        yield f"static const float head_mean[@N@_VARIABLES] = {{\n{floats(head.mean)}\n}};"
        yield f"static const float head_whitening[@N@_VARIABLES] = {{\n{floats(head.whitening)}\n}};"
    elif isinstance(head, PackedHead):
        modes = "CENTERS * " if head.mean.ndim == 2 else ""
        size, triangle = f"{modes}@N@_VARIABLES", f"{modes}(@N@_VARIABLES * (@N@_VARIABLES + 1) / 2)"
        yield f"static const float head_mean[{size}] = {{\n{floats(head.mean)}\n}};"
        yield "// Steps to the unit, a power of two for each variable, by exponent."
        yield f"static const uint8_t head_steps[{size}] = {{\n{integers(_exponents(head))}\n}};"
        yield "// Columns of the triangular factor, each from its diagonal downwards, times 2^shift."
        yield f"static const {_factor_type(head)} head_factor[{triangle}] = {{\n{integers(head.factor)}\n}};"
        yield f"static const int8_t head_shift[{size}] = {{\n{integers(head.shift)}\n}};"
        if head.centers is not None:
            yield f"static const int16_t head_centers[CENTERS * @N@_VARIABLES] = {{\n{integers(head.centers)}\n}};"


def head_includes(head: ScoringHead) -> str:
    """Return the headers that the head needs beside those of the detector."""
    return templates.PAIRS if isinstance(head, PackedHead) and _factor_bytes(head) == 2 else ""


def head_defines(head: ScoringHead) -> Iterable[str]:
    """Yield the head's numbers."""
    if isinstance(head, PackedHead):
        yield f"#define HEAD_UNIT {single(head.unit)}  // score of 1 in the sum of squares"
        if count := center_count(head):
            yield f"#define CENTERS {count}"


def head_members(head: ScoringHead) -> str:
    """Return what of the detector's struct the head needs."""
    if isinstance(head, Head):
        return "  float deviations[@N@_VARIABLES];  // from the mean of normal windows\n"
    whitened = "  int32_t whitened[@N@_VARIABLES];\n" if _has_prototypes(head) else ""
    return f"  int16_t deviations[@N@_VARIABLES];  // from the mean of normal windows\n{whitened}"


def head_ram_bytes(head: ScoringHead) -> int:
    """Return the size of what of the detector's struct the head needs."""
    return head.width * (4 if isinstance(head, Head) else 6 if _has_prototypes(head) else 2)


def center_count(head: PackedHead) -> int:
    """Return the number of centres that the nearest is chosen from; 0 if there is nothing to choose."""
    return len(head.mean) if head.mean.ndim == 2 else 0 if head.centers is None else len(head.centers)


def products_of(head: ScoringHead) -> tuple[int, int]:
    """Return the number of multiplications per window, of integers and of floats."""
    if not isinstance(head, PackedHead):
        return 0, 2 * head.width
    centers = 0 if head.centers is None else head.centers.size
    squares = head.shift.size if head.centers is None else centers
    return head.factor.size + squares, head.gain.size + 1


def head_code(head: ScoringHead, outputs: Iterable[QuantizedTensor], widths: Mapping[str, int]) -> Iterable[str]:
    """Yield the functions that turn inputs and outputs into a score."""
    known = {output.name: output for output in outputs}
    if not isinstance(head, PackedHead):
        loops = "\n".join(_loops(head, known, widths, templates.LOOP, templates.RESIDUAL_LOOP))
        yield templates.DEVIATIONS.replace("@parts@", ", ".join(head.parts)).replace("@loops@", loops)
        yield templates.DIAGONAL
        return
    has_modes = head.mean.ndim == 2
    loops = "\n".join(_loops(head, known, widths, templates.STEPS_LOOP, templates.RESIDUAL_STEPS_LOOP))
    dot = templates.DOT_8_BITS if _factor_bytes(head) == 1 else templates.DOT_16_BITS
    fields = {"parts": ", ".join(head.parts), "loops": loops, "dot": dot, "largest": str(LARGEST),
              "mode": ", int mode" if has_modes else "",
              "offset": " + mode * @N@_VARIABLES" if has_modes else ""}  # fmt: skip
    text = templates.STEPS
    for name, value in fields.items():
        text = text.replace(f"@{name}@", value)
    yield text
    distance = templates.MODES if has_modes else templates.PROTOTYPES if _has_prototypes(head) else templates.ONE_CENTER
    yield distance.replace("@factor@", _factor_type(head))


def _factor_type(head: PackedHead) -> str:
    return f"int{8 * _factor_bytes(head)}_t"


def _has_prototypes(head: ScoringHead) -> bool:
    return isinstance(head, PackedHead) and head.centers is not None


def _loops(
    head: ScoringHead, known: Mapping[str, QuantizedTensor], widths: Mapping[str, int], loop: str, residual_loop: str
) -> Iterable[str]:
    """Yield the loops over each part, in the head's order."""
    for part in head.parts:
        if part == "inputs":
            yield _loop(loop, "@N@_INPUTS", "detector->inputs[i]")
        elif part == "residual":
            yield residual_loop.replace("@value@", _value(known["reconstruction"]))
        else:
            for name in [part] if part == "codes" else hidden_outputs(known):
                yield _loop(loop, str(widths[name]), _value(known[name]))


def _loop(loop: str, count: str, value: str) -> str:
    return loop.replace("@count@", count).replace("@value@", value)


def _value(output: QuantizedTensor) -> str:
    cell = f"detector->outputs.{identifier(output.name)}[i]"
    if not output.scale:
        return cell
    return f"(float)({cell} - {output.zero_point}) * {single(output.scale)}".replace("- -", "+ ")
