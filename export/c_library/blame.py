"""C of each sensor's contribution and expected value; see `edge_runtime.inference.attribution`."""

from __future__ import annotations

from collections.abc import Iterable

from edge_runtime.arrays import FloatArray
from edge_runtime.fitting.packed_attribution import in_16_bits
from edge_runtime.inference.attribution import FLOOR, Attribution
from export.c_library.c_text import EXPONENT_BIAS, floats, integers, single
from export.c_library.detector_templates import BLAME_DECLARATIONS, EXPECTED_DECLARATION
from export.c_library.head_templates import BLAME, DIAGONAL_MODE, DIAGONAL_RATIO, EXPECTED, FULL_MODE, FULL_RATIO


def blame_declarations(attribution: Attribution | None) -> str:
    """Return the declarations; none for a file without contributions."""
    if attribution is None:
        return ""
    return BLAME_DECLARATIONS + (EXPECTED_DECLARATION if attribution.gives_levels else "")


def blame_constants(attribution: Attribution | None) -> Iterable[str]:
    """Yield the arrays; a row of a matrix holds the weights of one result."""
    if attribution is None:
        return
    modes = f"{len(attribution.mean)} * " if len(attribution.mean) > 1 else ""
    yield "// Contributions of the sensors; not linked if nobody asks for them."
    yield f"#define BLAME_FLOOR {single(FLOOR)}"
    yield f"static const float blame_mean[{modes}@N@_INPUTS] = {{\n{floats(attribution.mean)}\n}};"
    if attribution.blame.ndim == 2:
        yield f"static const float blame_matrix[{modes}@N@_INPUTS] = {{\n{floats(attribution.blame)}\n}};"
    else:
        yield from _matrix("blame", attribution.blame, f"{modes}@N@_INPUTS")
    if attribution.gives_levels:
        yield from _matrix("expected", attribution.level, f"{modes}@N@_SENSORS")
        yield f"static const float expected_bias[{modes}@N@_SENSORS] = {{\n{floats(attribution.level_bias)}\n}};"


def _matrix(name: str, matrix: FloatArray, rows: str) -> Iterable[str]:
    """Yield the arrays of a matrix of shape (K, d, m) in integers."""
    whole, exponents = in_16_bits(matrix)
    yield f"static const int16_t {name}_matrix[{rows} * @N@_INPUTS] = {{\n{integers(whole.swapaxes(1, 2))}\n}};"
    yield f"static const uint8_t {name}_steps[{rows}] = {{\n{integers(exponents + EXPONENT_BIAS)}\n}};"


def blame_bytes(attribution: Attribution | None) -> int:
    """Return the size of these arrays."""
    if attribution is None:
        return 0
    mean, blame, level, bias = (getattr(attribution, name) for name in ("mean", "blame", "level", "level_bias"))
    matrices = sum(2 * one.size + one[:, 0].size for one in (blame, level) if one.ndim > 2)
    return int(mean.nbytes + bias.nbytes + matrices + (blame.nbytes if blame.ndim == 2 else 0))


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
    offsets = {"mean_offset": "@N@_INPUTS", "matrix_offset": size, "steps_offset": "@N@_INPUTS",
               "level_offset": "@N@_SENSORS * @N@_INPUTS", "level_steps_offset": "@N@_SENSORS"}  # fmt: skip
    mode, ratio = (DIAGONAL_MODE, DIAGONAL_RATIO) if is_diagonal else (FULL_MODE, FULL_RATIO)
    text = BLAME.replace("@mode@", mode).replace("@ratio@", ratio)
    text += EXPECTED.replace("@usual@", expected) if attribution.gives_levels else ""
    for name, offset in offsets.items():
        text = text.replace(f"@{name}@", f" + detector->mode * {offset}" if has_modes else "")
    return text.replace("@bias_offset@", "detector->mode * @N@_SENSORS + " if has_modes else "")
