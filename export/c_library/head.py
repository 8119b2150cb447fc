"""C of a scoring head and the constants it needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edge_runtime.inference.heads import Head, hidden_outputs
from edge_runtime.model_file.manifest import QuantizedTensor
from export.c_library.c_text import floats, identifier, single
from export.c_library.head_templates import (
    DEVIATIONS,
    DIAGONAL,
    LOOP,
    MATRIX_PER_CENTER,
    ONE_CENTER,
    ONE_MATRIX,
    RESIDUAL_LOOP,
)


def head_constants(head: Head) -> Iterable[str]:
    """Yield the head's arrays; a row of the whitening matrix holds the weights of one whitened value."""
    yield f"static const float head_mean[@N@_VARIABLES] = {{\n{floats(head.mean)}\n}};"
    size = {1: "@N@_VARIABLES", 2: "WHITENED * @N@_VARIABLES", 3: "CENTERS * WHITENED * @N@_VARIABLES"}
    whitening = head.whitening if head.whitening.ndim == 1 else head.whitening.swapaxes(-1, -2)
    yield f"static const float head_whitening[{size[whitening.ndim]}] = {{\n{floats(whitening)}\n}};"
    if head.centers is not None:
        yield f"static const float head_centers[CENTERS * WHITENED] = {{\n{floats(head.centers)}\n}};"


def head_code(head: Head, outputs: Iterable[QuantizedTensor], widths: Mapping[str, int]) -> Iterable[str]:
    """Yield the functions that turn inputs and outputs into a score."""
    loops = "\n".join(_loops(head, outputs, widths))
    yield DEVIATIONS.replace("@parts@", ", ".join(head.parts)).replace("@loops@", loops)
    if head.centers is None:
        yield DIAGONAL if head.whitening.ndim == 1 else ONE_CENTER
    else:
        yield ONE_MATRIX if head.whitening.ndim == 2 else MATRIX_PER_CENTER


def _loops(head: Head, outputs: Iterable[QuantizedTensor], widths: Mapping[str, int]) -> Iterable[str]:
    """Yield the loops over each part, in the head's order."""
    known = {output.name: output for output in outputs}
    for part in head.parts:
        if part == "inputs":
            yield _loop("@N@_INPUTS", "detector->inputs[i]")
        elif part == "residual":
            yield RESIDUAL_LOOP.replace("@value@", _value(known["reconstruction"]))
        else:
            for name in [part] if part == "codes" else hidden_outputs(known):
                yield _loop(str(widths[name]), _value(known[name]))


def _loop(count: str, value: str) -> str:
    return LOOP.replace("@count@", count).replace("@value@", value)


def _value(output: QuantizedTensor) -> str:
    cell = f"detector->outputs.{identifier(output.name)}[i]"
    if not output.scale:
        return cell
    return f"(float)({cell} - {output.zero_point}) * {single(output.scale)}".replace("- -", "+ ")
