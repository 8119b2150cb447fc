"""The last result and the counts as metrics for Prometheus."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

from edge_runtime.errors import OutputError, missing_extra
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.streaming.results import Counters, Results, StreamResult, standing

# These go down again; all other counts only grow.
_GAUGES = ("waiting", "stuck")


class PrometheusSink:
    """Serves ``/metrics``.

    Parameters
    ----------
    host, port : str, int
        127.0.0.1 unless told otherwise: metrics are nobody else's business by default. Port 0 takes a free one.
    info : StreamInfo

    Raises
    ------
    MissingExtraError
        If prometheus-client is not installed.
    OutputError
        If the port is taken.
    """

    def __init__(self, host: str, port: int, info: StreamInfo) -> None:
        try:
            from prometheus_client import CollectorRegistry, start_http_server
        except ImportError as error:
            raise missing_extra("prometheus-client", "prometheus", "the prometheus sink") from error
        registry = CollectorRegistry()
        self._last: StreamResult | None = None
        self._counters: Counters | None = None
        self._threshold, self._drift_limit = info.threshold, info.drift_limit
        registry.register(self)
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except (OSError, OverflowError) as error:
            raise OutputError(f"cannot serve metrics on {host}:{port}: {error}. Choose another port.") from error
        self.port = self._server.server_port
        self.name = f"prometheus on {host}:{self.port}"

    def write(self, results: Results) -> None:
        """See `Sink.write`."""
        self._last = standing(results, self._last)

    def status(self, counters: Counters) -> None:
        """See `Sink.status`."""
        self._counters = dataclasses.replace(counters)

    def close(self) -> None:
        """See `Sink.close`."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=2)

    def collect(self) -> Iterator[Any]:
        """Yield the metrics as they are now; prometheus-client calls it for every scrape, in a thread of its own."""
        # Taken once: the stream goes on meanwhile.
        last, counters = self._last, self._counters
        yield _gauge("threshold", "Threshold of the score", last.threshold if last else self._threshold)
        if math.isfinite(self._drift_limit):
            yield _gauge("drift_limit", "Drift that normal data stay below, nats", self._drift_limit)
        if last is not None:
            yield from _result_metrics(last)
        if counters is not None:
            yield from _count_metrics(counters)


def _result_metrics(last: StreamResult) -> Iterator[Any]:
    from prometheus_client.core import GaugeMetricFamily

    yield _gauge("score", "Smoothed anomaly score of the last reading", last.score)
    yield _gauge("alarm", "Whether there is an alarm", float(last.alarm))
    drift = math.nan if last.drift is None else last.drift
    yield _gauge("drift", "Divergence of the live mean activation from training's, nats", drift)
    text = "A sensor's part in the last score, of those that contribute most"
    contributions = GaugeMetricFamily("saelite_contribution", text, labels=["sensor"])
    for name, value in last.sensors.items():
        # Of a low score some heads give no contributions: that is not a contribution of nothing.
        if value:
            contributions.add_metric([name], value)
    yield contributions


def _count_metrics(counters: Counters) -> Iterator[Any]:
    from prometheus_client.core import CounterMetricFamily

    for name, count in dataclasses.asdict(counters).items():
        if name in _GAUGES:
            yield _gauge(f"readings_{name}", "See docs/running.md", count)
        else:
            yield CounterMetricFamily(f"saelite_readings_{name}", "See docs/running.md", value=count)


def _gauge(name: str, text: str, value: float) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(f"saelite_{name}", text, value=value)
