"""C of a scoring head and the constants it needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import indent

import numpy as np

from edge_runtime.arrays import IntArray
from edge_runtime.errors import UsageError
from edge_runtime.fitting.packing import LARGEST_COARSE, factor_bytes, fine_columns
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
            "the head has no form in C: expected gains that are powers of two, and sums that fit in 32 bits. Received: "
            "integers of an earlier version. Export the run again."
        )
    return head


def head_bytes(head: ScoringHead) -> int:
    """Return the size of the head's arrays in C."""
    if not isinstance(head, PackedHead):
        return sum(one.nbytes for one in head.arrays().values())
    centers = 0 if head.centers is None else head.centers.nbytes
    factor = head.factor.size + _fine_elements(head)
    return head.mean.nbytes + head.gain.size + head.shift.size + head.width % 2 + factor + centers


def _has_form(head: PackedHead) -> bool:
    """Return whether sums and shifts fit in 32 bits, elements in their columns, and gains are powers of two or 0."""
    gains = np.where(head.gain > 0, np.exp2(_exponents(head) - float(EXPONENT_BIAS)), 0.0)
    coarse = head.factor[..., _fine_elements(head) :]
    has_sums = head.shift.max() < _WORD and LARGEST * head.column_sums().max() < 2.0 ** (_WORD - 1)
    return bool(has_sums and np.abs(coarse).max(initial=0) <= LARGEST_COARSE and (gains == head.gain).all())


def _fine_elements(head: PackedHead) -> int:
    """Return how many elements of the factor have 16 bits."""
    return factor_bytes(head.kind, head.width) - head.factor.shape[-1]


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
        size = f"{modes}@N@_VARIABLES"
        yield f"static const float head_mean[{size}] = {{\n{floats(head.mean)}\n}};"
        yield "// Steps to the unit, a power of two for each variable, by exponent."
        yield f"static const uint8_t head_steps[{size}] = {{\n{integers(_exponents(head))}\n}};"
        yield "// Columns of the triangular factor, each from its diagonal downwards, times 2^(shift + 1)."
        yield from _columns(head)
        # Behind an odd number of columns comes one without elements.
        padded = np.append(head.shift.ravel() - 1, [0] * (head.width % 2))
        yield f"static const int8_t head_shift[{len(padded)}] = {{\n{integers(padded)}\n}};"
        if head.centers is not None:
            yield f"static const int16_t head_centers[CENTERS * @N@_VARIABLES] = {{\n{integers(head.centers)}\n}};"


def _columns(head: PackedHead) -> Iterable[str]:
    """Yield the columns of the triangular factor, those of 16 bits before those of 8."""
    fine, coarse = np.split(head.factor, [_fine_elements(head)], axis=-1)
    for kind, cell, part in (("fine", "int16_t", fine), ("coarse", "int8_t", coarse)):
        if part.size:
            yield f"static const {cell} head_{kind}[{part.size}] = {{\n{integers(part)}\n}};"


def head_defines(head: ScoringHead) -> Iterable[str]:
    """Yield the head's numbers."""
    if isinstance(head, PackedHead):
        yield f"#define HEAD_UNIT {single(head.unit)}  // score of 1 in the sum of squares"
        if fine := fine_columns(head.kind, head.width):
            yield f"#define FINE {fine}  // columns of 16 bits; the others have 8"
        if count := center_count(head):
            yield f"#define CENTERS {count}"


def head_members(head: ScoringHead) -> str:
    """Return what of the detector's struct the head needs."""
    if isinstance(head, Head):
        return "  float deviations[@N@_VARIABLES];  // from the mean of normal windows\n"
    # Columns go in twos.
    whitened = f"  int32_t whitened[{head.width + head.width % 2}];\n" if _has_prototypes(head) else ""
    return f"  int16_t deviations[@N@_VARIABLES];  // from the mean of normal windows\n{whitened}"


def head_ram_bytes(head: ScoringHead) -> int:
    """Return the size of what of the detector's struct the head needs."""
    if isinstance(head, Head):
        return 4 * head.width
    return 2 * head.width + (4 * (head.width + head.width % 2) if _has_prototypes(head) else 0)


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
    fields = {"parts": ", ".join(head.parts), "loops": loops, "largest": str(LARGEST),
              "columns": "\n\n".join(_of_each_width(head, templates.FINE_COLUMNS, templates.COARSE_COLUMNS)),
              "mode": ", int mode" if has_modes else "",
              "offset": " + mode * @N@_VARIABLES" if has_modes else ""}  # fmt: skip
    yield _filled(templates.STEPS, fields)
    loop = templates.KEEP if _has_prototypes(head) else templates.SQUARE
    text = templates.MODES if has_modes else templates.PROTOTYPES if _has_prototypes(head) else templates.ONE_CENTER
    loops = "\n".join(_of_each_width(head, loop, loop))
    pointers = "\n".join(_of_each_width(head, templates.POINTER, templates.POINTER))
    yield _filled(text, {"pointers": pointers, "loops": indent(loops, "  ") if has_modes else loops})


def _of_each_width(head: PackedHead, fine: str, coarse: str) -> Iterable[str]:
    """Yield C for the columns of 16 bits, and for those of 8, if there are any."""
    count = fine_columns(head.kind, head.width)
    if count:
        yield _filled(fine, {**templates.FINE, "first": "0", "end": "FINE"})
    if count < head.width:
        yield _filled(coarse, {**templates.COARSE, "first": "FINE" if count else "0", "end": "@N@_VARIABLES"})


def _filled(text: str, fields: Mapping[str, str]) -> str:
    for name, value in fields.items():
        text = text.replace(f"@{name}@", value)
    return text


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
