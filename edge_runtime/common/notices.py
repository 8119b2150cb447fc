"""Messages that are reported once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Notices:
    """Messages that are reported once and counted afterwards.

    Parameters
    ----------
    tell : callable
        Prints one line.
    """

    tell: Callable[[str], None]
    counts: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def once(self, kind: str, message: str) -> None:
        """Report `message` unless one of this kind was reported before."""
        with self._lock:  # sinks report from their own threads
            count = self.counts[kind] = self.counts.get(kind, 0) + 1
        if count == 1:
            self.tell(message)
