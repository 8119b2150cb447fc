"""The last result and the counts as metrics for Prometheus."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

from edge_runtime.common.counters import Counters
from edge_runtime.errors import OutputError, missing_extra
from edge_runtime.sinks.metrics_server import MetricsServer
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.streaming.health import Health
from edge_runtime.streaming.results import Results, StreamResult, standing

# These can decrease; all other counts only grow.
_GAUGES = ("waiting", "stuck", "silent", "to_learn")


class PrometheusSink:
    """Serves ``/metrics``.

    Parameters
    ----------
    host, port : str, int
        127.0.0.1 by default, so that metrics are private. Port 0 takes a free one.
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
            from prometheus_client import CollectorRegistry, generate_latest
        except ImportError as error:
            raise missing_extra("prometheus-client", "prometheus", "the prometheus sink") from error
        registry = CollectorRegistry()
        self._last: StreamResult | None = None
        self._counters: Counters | None = None
        self._health: Health | None = None
        self._is_old = self._is_stale = False
        self._sensors, self._threshold, self._drift_limit = info.sensors, info.threshold, info.drift_limit
        registry.register(self)
        try:
            self._server = MetricsServer(host, port, lambda: generate_latest(registry), lambda: not self._is_stale)
        except (OSError, OverflowError) as error:
            raise OutputError(f"cannot serve metrics on {host}:{port}: {error}. Choose another port.") from error
        self.port = self._server.port
        self.name = f"prometheus on {host}:{self.port}"

    def write(self, results: Results) -> None:
        """See `Sink.write`."""
        self._last = standing(results, self._last)
        if len(results):
            self._is_old = False

    def health(self, health: Health) -> None:
        """Take the stream's health: an outdated score is not shown."""
        self._health, self._is_stale = health, health.stale
        self._is_old = self._is_old or health.stale

    def status(self, counters: Counters) -> None:
        """See `Sink.status`."""
        self._counters = dataclasses.replace(counters)

    def close(self) -> None:
        """See `Sink.close`."""
        self._server.close()

    def collect(self) -> Iterator[Any]:
        """Yield the metrics as they are now; prometheus-client calls it for every scrape, in its own thread."""
        # Read once: the stream continues meanwhile.
        last, is_old, counters, health = self._last, self._is_old, self._counters, self._health
        yield _gauge("threshold", "Threshold of the score", last.threshold if last else self._threshold)
        if math.isfinite(self._drift_limit):
            yield _gauge("drift_limit", "Drift that normal data stay below, nats", self._drift_limit)
        if last is not None:
            yield _gauge("score", "Smoothed anomaly score of the last reading", math.nan if is_old else last.score)
            yield from _result_metrics(last)
        if health is not None:
            yield from _health_metrics(health, self._sensors)
        if counters is not None:
            yield from _count_metrics(counters)


def _result_metrics(last: StreamResult) -> Iterator[Any]:
    from prometheus_client.core import GaugeMetricFamily

    yield _gauge("alarm", "Whether there is an alarm", float(last.alarm))
    drift = math.nan if last.drift is None else last.drift
    yield _gauge("drift", "Divergence of the live mean activation from training's, nats", drift)
    text = "Contribution to the last score, for the sensors that contribute most"
    contributions = GaugeMetricFamily("saelite_contribution", text, labels=["sensor"])
    for name, value in last.sensors.items():
        # Some heads have no contributions for low scores: that is not a contribution of zero.
        if value:
            contributions.add_metric([name], value)
    yield contributions


def _health_metrics(health: Health, sensors: tuple[str, ...]) -> Iterator[Any]:
    from prometheus_client.core import GaugeMetricFamily

    yield _gauge("stale", "Whether no readings have arrived for too long", float(health.stale))
    for name, time_s in (("reading", health.last_reading_s), ("result", health.last_result_s)):
        text = f"Time of the last {name}, seconds since the epoch"
        yield _gauge(f"last_{name}_seconds", text, math.nan if time_s is None else time_s)
    silent = GaugeMetricFamily("saelite_sensor_silent", "Whether a sensor has had no value for long", labels=["sensor"])
    for name in sensors:
        silent.add_metric([name], float(name in health.silent))
    yield silent


def _count_metrics(counters: Counters) -> Iterator[Any]:
    from prometheus_client.core import CounterMetricFamily

    for name, count in dataclasses.asdict(counters).items():
        if name in _GAUGES:
            yield _gauge(f"readings_{name}", "See docs/how-to/running.md", count)
        else:
            yield CounterMetricFamily(f"saelite_readings_{name}", "See docs/how-to/running.md", value=count)


def _gauge(name: str, text: str, value: float) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(f"saelite_{name}", text, value=value)
