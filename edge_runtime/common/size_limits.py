"""Size limits of external input, checked before reading, so that no file fills the memory.

==========================  ========  ===============================================================
environment variable        default   limits
==========================  ========  ===============================================================
SAELITE_MAX_MODEL_MB        256       a model file, and what its ZIP unpacks to
SAELITE_MAX_INDEX_MB        16        the index of a registry of models
SAELITE_MAX_TENSORS_MB      128       memory of a graph's tensors at batch 1
SAELITE_MAX_MEGAOPS         2000      million multiplications of a graph at batch 1
SAELITE_MAX_TRIAL_MB        1024      memory of the trial run of a new model
SAELITE_MAX_LINE_KB         1024      a line of a recording
SAELITE_MAX_COLUMNS         10000     columns of a recording
SAELITE_MAX_UNPACKING       200       how many times larger a packed recording may be than its file
==========================  ========  ===============================================================
"""

from __future__ import annotations

import os

from edge_runtime.errors import UsageError

DEFAULTS = {
    "SAELITE_MAX_MODEL_MB": 256,
    "SAELITE_MAX_INDEX_MB": 16,
    "SAELITE_MAX_TENSORS_MB": 128,
    "SAELITE_MAX_MEGAOPS": 2000,
    "SAELITE_MAX_TRIAL_MB": 1024,
    "SAELITE_MAX_LINE_KB": 1024,
    "SAELITE_MAX_COLUMNS": 10_000,
    "SAELITE_MAX_UNPACKING": 200,
}


def limit(name: str) -> int:
    """Return a limit by the name of its environment variable, in that variable's unit.

    Raises
    ------
    UsageError
        If the variable is not a whole number above zero.

    Examples
    --------
    >>> limit("SAELITE_MAX_COLUMNS")
    10000
    """
    text = os.environ.get(name, "").strip()
    if not text:
        return DEFAULTS[name]
    if not text.isascii() or not text.isdigit() or len(text) > 12 or not int(text):
        raise UsageError(f"{name}: expected a whole number above zero. Received: {text!r:.40}")
    return int(text)


def raised_by(name: str) -> str:
    """Return the sentence that says how to raise a limit.

    >>> raised_by("SAELITE_MAX_COLUMNS")
    'Set SAELITE_MAX_COLUMNS to raise the limit if you trust the source.'
    """
    return f"Set {name} to raise the limit if you trust the source."
