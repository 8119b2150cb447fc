"""Layer sizes for a budget of multiply-accumulates (MACs) on the device."""

from __future__ import annotations

from edge_runtime.errors import UsageError

MAC_BUDGETS = {"tiny": 1_000, "small": 10_000, "medium": 100_000}
"""MACs of the encoder for one window; at some MACs per cycle a microcontroller does ``tiny`` in microseconds."""

_MOST_CODES = {"tiny": 16, "small": 32, "medium": 128}


def preset_sizes(name: str, inputs: int) -> tuple[tuple[int, ...], int]:
    """Return hidden units and code size of the largest encoder within a preset's budget.

    One hidden layer if the budget allows one at least as wide as the codes, otherwise none.

    Raises
    ------
    UsageError
        If not even one code fits.

    Examples
    --------
    >>> preset_sizes("tiny", inputs=8)
    ((41,), 16)
    >>> preset_sizes("small", inputs=784)
    ((), 12)
    """
    budget, codes = MAC_BUDGETS[name], _MOST_CODES[name]
    hidden = min(budget // (inputs + codes), 4 * codes)
    if hidden >= codes:
        return (hidden,), codes
    codes = min(codes, budget // inputs)
    if not codes:
        raise UsageError(
            f"the preset {name} has {budget} MACs for a window; one code of {inputs} inputs takes {inputs}. "
            "Choose a larger preset, a smaller --window, or set sizes with --code-size."
        )
    return (), codes
