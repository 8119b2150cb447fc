"""A sink behind its own queue and thread: however slow it is, it delays nothing else.

When the queue is full, the oldest results are dropped in favour of the newest; their events are kept until last. Events
that could not be written are tried again. Counts and health have one slot each: the newest wins.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import deque
from collections.abc import Callable

from edge_runtime.common.counters import Counters
from edge_runtime.sinks.delivery import Delivery
from edge_runtime.sinks.sink import EndOfOutput, Sink
from edge_runtime.streaming.alarm_events import AlarmEvent
from edge_runtime.streaming.health import Health
from edge_runtime.streaming.results import Results

MOST_ROWS = 50_000
MOST_BLOCKS = 2_000
MOST_EVENT_BLOCKS = 1_000
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0


class Outlet:
    """Hands results to one sink.

    Parameters
    ----------
    sink : Sink
    failed : callable
        Called with what the sink raised, in the outlet's thread.

    Attributes
    ----------
    undelivered : int
        Results that the sink did not take, or that were dropped.
    ended : bool
        Whether the sink's output no longer has a reader.
    """

    def __init__(self, sink: Sink, failed: Callable[[Sink, BaseException], None]) -> None:
        self.sink, self._failed = sink, failed
        self.undelivered = 0
        self.ended = False
        self._changed = threading.Condition()
        self._queue: deque[Delivery] = deque()
        self._events: deque[Results] = deque(maxlen=MOST_EVENT_BLOCKS)
        self._writing: Results | None = None
        self._again_s, self._pause_s = 0.0, _FIRST_PAUSE_S
        self._rows = 0
        self._behind = False
        self._counters: Counters | None = None
        self._health: deque[Health] = deque(maxlen=MOST_EVENT_BLOCKS)
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f"sink {sink.name}", daemon=True)
        self._thread.start()

    @property
    def has_room(self) -> bool:
        """Whether results can be taken without dropping any; always true for a sink that fell behind."""
        return self._behind or not self.is_full

    @property
    def is_full(self) -> bool:
        """Whether the next results would displace older ones."""
        return self._rows >= MOST_ROWS or len(self._queue) >= MOST_BLOCKS

    @property
    def unwritten(self) -> tuple[AlarmEvent, ...]:
        """The alarm events that the sink has not written, or not surely, oldest first."""
        with self._changed:
            writing = [] if self._writing is None else [self._writing]
            waiting = [*writing, *self._events, *(delivery.results for delivery in self._queue)]
        events = [*getattr(self.sink, "unconfirmed", ()), *(event for results in waiting for event in results.events)]
        return tuple({id(event): event for event in events}.values())

    def give_up(self) -> None:
        """Stop waiting for it until it has caught up."""
        with self._changed:
            self._behind = self.is_full

    def put(self, delivery: Delivery) -> None:
        """Take results; the oldest are dropped if there is no room."""
        with self._changed:
            while self._queue and self.is_full:
                self._drop_oldest()
            self._queue.append(delivery)
            self._rows += len(delivery.results)
            self._changed.notify_all()

    def status(self, counters: Counters) -> None:
        """Take the counts."""
        with self._changed:
            self._counters = dataclasses.replace(counters)
            self._changed.notify_all()

    def health(self, health: Health) -> None:
        """Take the stream's health; one without events is replaced by the next."""
        with self._changed:
            if self._health and not self._health[-1].events:
                self._health.pop()
            self._health.append(health)
            self._changed.notify_all()

    def wait_for_room(self, timeout_s: float) -> None:
        """Wait until there is room, at most `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: self.has_room, timeout_s)

    def close(self) -> None:
        """Accept nothing more; what is queued is still delivered, see `finish`."""
        with self._changed:
            self._closing, self._again_s = True, 0.0
            self._changed.notify_all()

    def finish(self, deadline_s: float) -> bool:
        """Wait for everything to be delivered and the sink closed, at most until the deadline; return whether it is."""
        self._thread.join(max(0.0, deadline_s - time.monotonic()))
        if not self._thread.is_alive():
            return True
        with self._changed:
            while self._queue:
                self._drop_oldest()
        return False

    def _is_half_empty(self) -> bool:
        return self._rows <= MOST_ROWS // 2 and len(self._queue) <= MOST_BLOCKS // 2

    def _drop_oldest(self) -> None:
        delivery = self._queue.popleft()
        self._rows -= len(delivery.results)
        self._lose(delivery)
        if delivery.results.events:
            self._events.append(delivery.results.with_events())

    def _lose(self, delivery: Delivery) -> None:
        with self._changed:
            self.undelivered += len(delivery.results)
        delivery.settle(taken=False)

    def _run(self) -> None:
        while True:
            work = self._next()
            if work is None:
                break
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - whatever a user's function raises, and were it sys.exit()
                self._written(error)
                self._tell(error)
            else:
                self._written(None)
        try:
            self.sink.close()
        except BaseException as error:  # noqa: BLE001 - as above
            self._tell(error)

    def _next(self) -> Callable[[], None] | None:
        """Wait for something to do; None when everything is done."""
        with self._changed:
            while True:
                if self._events and time.monotonic() >= self._again_s:
                    self._writing = events = self._events.popleft()
                    return lambda: self.sink.write(events)
                if self._queue:
                    delivery = self._queue.popleft()
                    self._writing = delivery.results
                    self._rows -= len(delivery.results)
                    self._behind = self._behind and not self._is_half_empty()
                    self._changed.notify_all()
                    return lambda: self._deliver(delivery)
                if self._health:
                    health = self._health.popleft()
                    return lambda: self._pass_on(health)
                if self._counters is not None:
                    counters, self._counters = self._counters, None
                    return lambda: self.sink.status(counters)
                if self._closing:
                    return None
                self._changed.wait()

    def _written(self, error: BaseException | None) -> None:
        """Note what became of the last results; events that could not be kept are tried again after a pause."""
        with self._changed:
            results, self._writing = self._writing, None
            if results is None:
                return
            if isinstance(error, OSError) and results.events and len(self._events) < MOST_EVENT_BLOCKS:
                self._events.appendleft(results.with_events())
                self._again_s = time.monotonic() + self._pause_s
                self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
            elif results.events and error is None:
                self._again_s, self._pause_s = 0.0, _FIRST_PAUSE_S

    def _deliver(self, delivery: Delivery) -> None:
        if delivery.after is not None:
            delivery.after.wait()
        try:
            self.sink.write(delivery.results)
        except BaseException:
            self._lose(delivery)
            raise
        delivery.settle(taken=True)

    def _pass_on(self, health: Health) -> None:
        take = getattr(self.sink, "health", None)
        if take is not None:
            take(health)

    def _tell(self, error: BaseException) -> None:
        if isinstance(error, EndOfOutput):
            self.ended = True
        else:
            self._failed(self.sink, error)
