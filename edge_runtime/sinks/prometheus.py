"""The last result and the counts as metrics for Prometheus."""

from __future__ import annotations

import dataclasses
import math

from edge_runtime.errors import OutputError, missing_extra
from edge_runtime.sinks.metrics_server import MetricsServer
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.streaming.health import Health
from edge_runtime.streaming.results import Counters, Results


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
            from prometheus_client import CollectorRegistry, Gauge, generate_latest
        except ImportError as error:
            raise missing_extra("prometheus-client", "prometheus", "the prometheus sink") from error
        registry = CollectorRegistry()

        def gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
            return Gauge(f"saelite_{name}", text, labels, registry=registry)

        self._score = gauge("score", "Smoothed anomaly score of the last reading")
        self._threshold = gauge("threshold", "Threshold of the score")
        self._alarm = gauge("alarm", "Whether there is an alarm")
        self._drift = gauge("drift", "Divergence of the live mean activation from training's, nats")
        self._contribution = gauge("contribution", "A sensor's part in the last score", ("sensor",))
        self._sensors = info.sensors
        self._counts = {
            field.name: gauge(f"readings_{field.name}", "See docs/running.md") for field in dataclasses.fields(Counters)
        }
        self._stale = gauge("stale", "Whether nothing has come for too long")
        self._last_reading = gauge("last_reading_seconds", "When the last reading came in, seconds since the epoch")
        self._last_result = gauge("last_result_seconds", "When the last result came out, seconds since the epoch")
        self._silent = gauge("sensor_silent", "Whether a sensor has given no number for long", ("sensor",))
        self._threshold.set(info.threshold)
        if math.isfinite(info.drift_limit):
            gauge("drift_limit", "Drift that normal data stay below, nats").set(info.drift_limit)
        try:
            self._server = MetricsServer(host, port, lambda: generate_latest(registry))
        except (OSError, OverflowError) as error:
            raise OutputError(f"cannot serve metrics on {host}:{port}: {error}. Choose another port.") from error
        self.port = self._server.port
        self.name = f"prometheus on {host}:{self.port}"

    def write(self, results: Results) -> None:
        """See `Sink.write`."""
        if not len(results):
            return
        last = results.row(-1)
        self._score.set(last.score)
        self._threshold.set(last.threshold)
        self._alarm.set(last.alarm)
        self._drift.set(math.nan if last.drift is None else last.drift)
        for name in self._sensors:
            self._contribution.labels(name).set(last.sensors.get(name, 0.0))

    def health(self, health: Health) -> None:
        """Take how the stream is: a score of long ago is none."""
        self._stale.set(health.stale)
        self._last_reading.set(health.last_reading_s or math.nan)
        self._last_result.set(health.last_result_s or math.nan)
        for name in self._sensors:
            self._silent.labels(name).set(name in health.silent)
        if health.stale:
            self._score.set(math.nan)

    def status(self, counters: Counters) -> None:
        """See `Sink.status`."""
        for name, gauge in self._counts.items():
            gauge.set(getattr(counters, name))

    def close(self) -> None:
        """See `Sink.close`."""
        self._server.close()
