"""Messages that are told once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Notices:
    """Messages that are told once and counted after that.

    Parameters
    ----------
    tell : callable
        Prints one line.
    """

    tell: Callable[[str], None]
    counts: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def once(self, kind: str, message: str) -> None:
        """Tell `message` unless one of this kind was told before."""
        with self._lock:  # sinks tell from threads of their own
            count = self.counts[kind] = self.counts.get(kind, 0) + 1
        if count == 1:
            self.tell(message)
