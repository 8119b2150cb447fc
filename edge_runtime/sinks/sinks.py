"""Several sinks as one: a sink that fails or falls behind is reported once and counted; the others continue."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from edge_runtime.common.counters import Counters
from edge_runtime.common.notices import Notices
from edge_runtime.errors import OutputError
from edge_runtime.model_file.manifest import Manifest
from edge_runtime.sinks.delivery import Delivery, Hold
from edge_runtime.sinks.outlet import Outlet
from edge_runtime.sinks.sink import EndOfOutput, Sink
from edge_runtime.streaming.delivery_events import DeliveryFacts
from edge_runtime.streaming.health import Health
from edge_runtime.streaming.results import Results, no_results
from edge_runtime.streaming.unwritten import MOST_SINKS, Unwritten

CLOSE_S = 5.0
_FIRST_S = 1.0


class Sinks:
    """Hands results to every sink, each behind an `Outlet`.

    Parameters
    ----------
    sinks : sequence of Sink
    notices : Notices
    first : Sink, optional
        A history: the others announce an event once it has taken it, or a second later at most. What it alone took
        has reached no sink.
    """

    def __init__(self, sinks: Sequence[Sink], notices: Notices, first: Sink | None = None) -> None:
        self._notices = notices
        self._first = None if first is None else Outlet(first, self._failed)
        self._others = tuple(Outlet(sink, self._failed) for sink in sinks)
        self._outlets = self._others if self._first is None else (self._first, *self._others)
        self._taken_by_none = 0
        self._expected: Results | None = None

    @property
    def undelivered(self) -> int:
        """Results that a sink did not take; one that no sink took counts once per sink."""
        return sum(outlet.undelivered for outlet in self._outlets)

    @property
    def has_room(self) -> bool:
        """Whether every sink that is waited for can take results without dropping any."""
        return all(outlet.has_room for outlet in self._outlets)

    @property
    def all_full(self) -> bool:
        """Whether no sink can take anything; waiting then delays nobody."""
        return all(outlet.is_full for outlet in self._others)

    def wait_for_room(self, timeout_s: float) -> None:
        """Wait for a sink without room, at most `timeout_s`."""
        for outlet in self._outlets:
            if not outlet.has_room:
                outlet.wait_for_room(timeout_s)
                return

    def give_up(self) -> None:
        """Stop waiting for sinks without room: their oldest results are dropped until they have caught up."""
        for outlet in self._outlets:
            if not outlet.has_room:
                outlet.give_up()
                self._notices.once(
                    f"behind {outlet.sink.name}",
                    f"{outlet.sink.name} is too slow: its oldest results are dropped, events are kept (counted as "
                    "undelivered)",
                )

    def unwritten(self) -> tuple[Unwritten, ...]:
        """Return the alarm events that each sink has not written yet."""
        expected = () if self._expected is None else self._expected.events
        owed = [(outlet.sink.name, (*outlet.unwritten, *expected)) for outlet in self._outlets]
        return tuple(Unwritten.of(name, events) for name, events in owed if events)[:MOST_SINKS]

    def announce_again(self, unwritten: Sequence[Unwritten], sensors: tuple[str, ...]) -> None:
        """Hand out the alarm events that sinks of the same names had not written when a state was saved."""
        for owed in unwritten:
            for outlet in self._outlets:
                if outlet.sink.name == owed.sink:
                    none = no_results(sensors)
                    again = replace(none, events=owed.events, event_rows=(-1,) * len(owed.events))
                    outlet.put(Delivery(again, 1, lambda _: None))

    def expect(self, results: Results) -> None:
        """Note the results that `write` is about to hand out: their events are unwritten from now on."""
        self._expected = results

    def write(self, results: Results) -> None:
        """Hand results to every sink.

        Raises
        ------
        EndOfOutput
            If the reader of standard output is gone.
        """
        self._raise_ended()
        hold = None
        if self._first is not None:
            hold = Hold(_FIRST_S) if results.events else None
            self._first.put(Delivery(results, 1, lambda _: None, opens=hold))
        delivery = Delivery(results, len(self._others), self._lost, after=hold)
        for outlet in self._others:
            outlet.put(delivery)
        self._expected = None

    def status(self, counters: Counters) -> None:
        """Hand the counts to every sink."""
        self._raise_ended()
        for outlet in self._outlets:
            outlet.status(counters)

    def health(self, health: Health) -> None:
        """Pass on the stream's health."""
        for outlet in self._outlets:
            outlet.health(health)

    def model(self, manifest: Manifest) -> None:
        """Pass on that another model is in use."""
        for outlet in self._outlets:
            take = getattr(outlet.sink, "model", None)
            if take is not None:
                take(manifest)

    def delivery(self, facts: DeliveryFacts) -> None:
        """Pass on which model runs, and how that stands to its registry."""
        for outlet in self._outlets:
            take = getattr(outlet.sink, "delivery", None)
            if take is not None:
                take(facts)

    def close(self, patience_s: float = CLOSE_S) -> None:
        """Deliver everything that is queued and close every sink; a sink that takes too long is abandoned."""
        for outlet in self._outlets:
            outlet.close()
        deadline_s = time.monotonic() + patience_s
        for outlet in self._outlets:
            if not outlet.finish(deadline_s):
                self._notices.once(f"left {outlet.sink.name}", f"{outlet.sink.name} did not finish in time")

    def raise_lost(self) -> None:
        """Raise if some results reached no sink.

        Raises
        ------
        OutputError
            If no sink took some of the results.
        """
        if self._taken_by_none and not self._ended:
            raise OutputError(
                f"{self._taken_by_none} results reached no sink, or only in part. Expected at least one sink to take "
                f"them: {', '.join(outlet.sink.name for outlet in self._others)}. Each reported its reason when it "
                "failed."
            )

    @property
    def _ended(self) -> bool:
        return any(outlet.ended for outlet in self._outlets)

    def _raise_ended(self) -> None:
        if self._ended:
            raise EndOfOutput

    def _lost(self, count: int) -> None:
        self._taken_by_none += count

    def _failed(self, sink: Sink, error: BaseException) -> None:
        self._notices.once(
            f"sink {sink.name}", f"{sink.name} is failing ({type(error).__name__}: {error}); the others continue"
        )
