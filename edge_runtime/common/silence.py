"""Silence C++ libraries, whose messages bypass Python's logging."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = threading.RLock()
"""Held while standard error is silent; whoever has something to say waits for it."""


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Discard what is written to file descriptor 2 while the block runs; exceptions pass.

    One thread at a time: two that overlap would each take the other's silence for what is to be restored.
    """
    with STDERR:
        sys.stderr.flush()
        saved = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
