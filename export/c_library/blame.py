"""C of each sensor's contribution and expected value; see `edge_runtime.inference.attribution`."""

from __future__ import annotations

from collections.abc import Iterable

from edge_runtime.inference.attribution import FLOOR, Attribution
from export.c_library.c_text import floats, single
from export.c_library.detector_templates import BLAME_DECLARATIONS, EXPECTED_DECLARATION
from export.c_library.head_templates import BLAME, BLAME_MODE, DIAGONAL_RATIO, EXPECTED, FULL_RATIO


def blame_declarations(attribution: Attribution | None) -> str:
    """Return the declarations; none for a file without contributions."""
    if attribution is None:
        return ""
    return BLAME_DECLARATIONS + (EXPECTED_DECLARATION if attribution.gives_levels else "")


def blame_constants(attribution: Attribution | None) -> Iterable[str]:
    """Yield the arrays; a row of a matrix holds the weights of one result."""
    if attribution is None:
        return
    blame, level = attribution.blame, attribution.level.swapaxes(1, 2)
    modes = f"{len(attribution.mean)} * " if len(attribution.mean) > 1 else ""
    yield "// Contributions of the sensors; not linked if nobody asks for them."
    yield f"#define BLAME_FLOOR {single(FLOOR)}"
    yield f"static const float blame_mean[{modes}@N@_INPUTS] = {{\n{floats(attribution.mean)}\n}};"
    matrix = blame if blame.ndim == 2 else blame.swapaxes(1, 2)
    size = "@N@_INPUTS" if blame.ndim == 2 else "@N@_INPUTS * @N@_INPUTS"
    yield f"static const float blame_matrix[{modes}{size}] = {{\n{floats(matrix)}\n}};"
    if attribution.gives_levels:
        yield f"static const float expected_matrix[{modes}@N@_SENSORS * @N@_INPUTS] = {{\n{floats(level)}\n}};"
        yield f"static const float expected_bias[{modes}@N@_SENSORS] = {{\n{floats(attribution.level_bias)}\n}};"


def blame_code(attribution: Attribution | None, expected: str = "") -> str:
    """Return the functions.

    Parameters
    ----------
    attribution : Attribution, optional
        Without one there are none.
    expected : str
        What is done to each expected value at the end.
    """
    if attribution is None:
        return ""
    has_modes, is_diagonal = len(attribution.mean) > 1, attribution.blame.ndim == 2
    size = "@N@_INPUTS" if is_diagonal else "@N@_INPUTS * @N@_INPUTS"
    offsets = {"mean_offset": "@N@_INPUTS", "matrix_offset": size, "level_offset": "@N@_SENSORS * @N@_INPUTS"}
    text = BLAME.replace("@mode@", BLAME_MODE).replace("@ratio@", DIAGONAL_RATIO if is_diagonal else FULL_RATIO)
    text += EXPECTED.replace("@usual@", expected) if attribution.gives_levels else ""
    for name, offset in offsets.items():
        text = text.replace(f"@{name}@", f" + detector->mode * {offset}" if has_modes else "")
    return text.replace("@bias_offset@", "detector->mode * @N@_SENSORS + " if has_modes else "")
