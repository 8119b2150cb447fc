"""A page in this process, with results of choice."""

from contextlib import contextmanager

import numpy as np

from edge_runtime.history.history import History
from edge_runtime.history.history_sink import HistorySink
from edge_runtime.page.address import PageAddress
from edge_runtime.page.web_sink import WebSink
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.streaming.alarm_events import AlarmStarted
from edge_runtime.streaming.blame import Blamed
from edge_runtime.streaming.results import Results


class Shown:
    """A page with a history, of one machine named pump."""

    def __init__(self, names, history=None, port=0):
        self.names, self.history = names, history or History.open(None)
        info = StreamInfo("pump", names, 1.0, np.inf)
        self.recorder = HistorySink(self.history, info)
        self.sink = WebSink(PageAddress("127.0.0.1", port), info, print, self.history)
        self.address = f"http://127.0.0.1:{self.sink.port}/"
        self.time_s, self.number = 1_790_000_000.0, 0

    def take(self, score, *events, alarm=False, blamed=0):
        shares = np.full((1, len(self.names)), 0.1, np.float32)
        shares[0, blamed] = len(self.names)
        column, row = np.array([score], np.float32), np.full((1, len(self.names)), 7.0, np.float32)
        self.time_s, self.number = self.time_s + 1, self.number + 1
        results = Results(
            np.array([self.number]), np.array([self.time_s]), column, np.ones_like(column), np.array([alarm]),
            column * np.nan, shares, row, row, row, self.names, events, (0,) * len(events),
        )  # fmt: skip
        for sink in (self.recorder, self.sink):
            sink.write(results)

    def alarm(self, blamed=0):
        found = Blamed(self.names[blamed], 0.9, 84.1, 61.2, 1.9, "°C")
        self.take(3.0, AlarmStarted(self.time_s + 1, 3.0, 1.0, (found,)), alarm=True, blamed=blamed)

    def close(self):
        self.sink.close()
        self.recorder.close()


@contextmanager
def shown(names, **options):
    page = Shown(names, **options)
    page.take(0.4)
    try:
        yield page
    finally:
        page.close()


def heading(page, text):
    page.get_by_role("heading", level=1, name=text).wait_for()
