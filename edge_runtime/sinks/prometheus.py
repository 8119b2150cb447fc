"""The last result and the counts as metrics for Prometheus."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

from edge_runtime.common.counters import Counters
from edge_runtime.common.shared import Shared
from edge_runtime.errors import OutputError, missing_extra
from edge_runtime.model_file.manifest import Manifest
from edge_runtime.sinks.metrics_server import MetricsServer
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.streaming.delivery_events import DeliveryFacts
from edge_runtime.streaming.health import Health
from edge_runtime.streaming.results import Results, StreamResult, standing

# These can decrease; all other counts only grow.
_GAUGES = ("waiting", "stuck", "silent", "to_learn")
_MACHINE = "machine"


class MetricsPage:
    """Serves the metrics of some machines on one port, each metric with the label ``machine``.

    Parameters
    ----------
    address : tuple of str and int
        Host and port; port 0 takes a free one.

    Raises
    ------
    MissingExtraError
        If prometheus-client is not installed.
    OutputError
        If the port is taken.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        try:
            from prometheus_client import CollectorRegistry, generate_latest
        except ImportError as error:
            raise missing_extra("prometheus-client", "prometheus", "the prometheus sink") from error
        host, port = address
        registry = CollectorRegistry()
        # Machines that were here once stay listed: that one is gone is worth an alert.
        self.machines: dict[str, PrometheusSink | None] = {}
        registry.register(self)
        try:
            self._server = MetricsServer(host, port, lambda: generate_latest(registry), self._is_healthy)
        except (OSError, OverflowError) as error:
            raise OutputError(f"cannot serve metrics on {host}:{port}: {error}. Choose another port.") from error
        self.port = self._server.port

    def close(self) -> None:
        """Stop answering."""
        self._server.close()

    def _is_healthy(self) -> bool:
        # Whoever restarts what is not healthy restarts all machines: one that has failed is no reason.
        return any(sink is not None and not sink.is_stale for sink in list(self.machines.values()))

    def collect(self) -> Iterator[Any]:
        """Yield the metrics as they are now; prometheus-client calls it for every scrape, in its own thread."""
        from prometheus_client.core import GaugeMetricFamily

        running = GaugeMetricFamily("saelite_running", "Whether the machine is watched", labels=[_MACHINE])
        families: dict[str, Any] = {running.name: running}
        for name, sink in list(self.machines.items()):
            running.add_metric([name], float(sink is not None))
            for family in sink.metrics() if sink else ():
                families.setdefault(family.name, family)
                if families[family.name] is not family:
                    families[family.name].samples += family.samples
        yield from families.values()


PAGES = Shared(MetricsPage)


class PrometheusSink:
    """Shows one machine on the metrics page of a port, ``/metrics``.

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
        self._last: StreamResult | None = None
        self._counters: Counters | None = None
        self._health: Health | None = None
        self._is_old = self.is_stale = False
        self._info, self._manifest = info, info.manifest
        self._delivery: DeliveryFacts | None = None
        self._address = host, port
        self._page = PAGES.join(self._address)
        self._page.machines[info.name] = self
        self.port = self._page.port
        self.name = f"prometheus on {host}:{self.port}"

    def write(self, results: Results) -> None:
        """See `Sink.write`."""
        self._last = standing(results, self._last)
        if len(results):
            self._is_old = False

    def health(self, health: Health) -> None:
        """Take the stream's health: an outdated score is not shown."""
        self._health, self.is_stale = health, health.stale
        self._is_old = self._is_old or health.stale

    def status(self, counters: Counters) -> None:
        """See `Sink.status`."""
        self._counters = dataclasses.replace(counters)

    def model(self, manifest: Manifest) -> None:
        """See `Sink`."""
        self._manifest = manifest

    def delivery(self, facts: DeliveryFacts) -> None:
        """See `Sink`."""
        self._delivery = facts

    def close(self) -> None:
        """See `Sink.close`; the last machine of a port stops its server."""
        if self._page.machines.get(self._info.name) is self:
            self._page.machines[self._info.name] = None
        PAGES.leave(self._address)

    def metrics(self) -> Iterator[Any]:
        """Yield the metrics as they are now."""
        # Read once: the stream continues meanwhile.
        last, is_old, counters, health = self._last, self._is_old, self._counters, self._health
        machine, info = self._info.name, self._info
        yield _gauge(machine, "threshold", "Threshold of the score", last.threshold if last else info.threshold)
        if math.isfinite(info.drift_limit):
            yield _gauge(machine, "drift_limit", "Drift that normal data stay below, nats", info.drift_limit)
        if last is not None:
            text = "Smoothed anomaly score of the last reading"
            yield _gauge(machine, "score", text, math.nan if is_old else last.score)
            yield from _result_metrics(machine, last)
        if health is not None:
            yield from _health_metrics(machine, health, info.sensors)
        if counters is not None:
            yield from _count_metrics(machine, counters)
        if self._manifest is not None:
            yield from _model_metrics(machine, self._manifest, self._delivery)


def _result_metrics(machine: str, last: StreamResult) -> Iterator[Any]:
    yield _gauge(machine, "alarm", "Whether there is an alarm", float(last.alarm))
    drift = math.nan if last.drift is None else last.drift
    yield _gauge(machine, "drift", "Divergence of the live mean activation from training's, nats", drift)
    text = "Contribution to the last score, for the sensors that contribute most"
    # Some heads have no contributions for low scores: that is not a contribution of zero.
    shares = {name: value for name, value in last.sensors.items() if value}
    yield _by_sensor(machine, "contribution", text, shares)


def _health_metrics(machine: str, health: Health, sensors: tuple[str, ...]) -> Iterator[Any]:
    yield _gauge(machine, "stale", "Whether no readings have arrived for too long", float(health.stale))
    for name, time_s in (("reading", health.last_reading_s), ("result", health.last_result_s)):
        text = f"Time of the last {name}, seconds since the epoch"
        yield _gauge(machine, f"last_{name}_seconds", text, math.nan if time_s is None else time_s)
    silent = {name: float(name in health.silent) for name in sensors}
    yield _by_sensor(machine, "sensor_silent", "Whether a sensor has had no value for long", silent)


def _count_metrics(machine: str, counters: Counters) -> Iterator[Any]:
    from prometheus_client.core import CounterMetricFamily

    text = "See docs/how-to/running.md"
    for name, count in dataclasses.asdict(counters).items():
        if name in _GAUGES:
            yield _gauge(machine, f"readings_{name}", text, count)
        else:
            family = CounterMetricFamily(f"saelite_readings_{name}", text, labels=[_MACHINE])
            family.add_metric([machine], count)
            yield family


def _model_metrics(machine: str, manifest: Manifest, facts: DeliveryFacts | None) -> Iterator[Any]:
    model = {"name": manifest.name, "version": str(manifest.version), "flatbuffer_sha256": manifest.flatbuffer_sha256}
    yield _facts(machine, "model", "The model in use", model)
    if facts is not None:
        registry = {"state": facts.registry, "sha256": facts.sha256}
        yield _facts(machine, "registry", "How the model in use stands to its registry", registry)
        yield _gauge(machine, "registry_index", "Version of the newest index seen", facts.index)


def _facts(machine: str, name: str, text: str, values: dict[str, str]) -> Any:
    from prometheus_client.core import InfoMetricFamily

    family = InfoMetricFamily(f"saelite_{name}", text, labels=[_MACHINE])
    family.add_metric([machine], values)
    return family


def _gauge(machine: str, name: str, text: str, value: float) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(f"saelite_{name}", text, labels=[_MACHINE])
    family.add_metric([machine], value)
    return family


def _by_sensor(machine: str, name: str, text: str, values: Mapping[str, float]) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(f"saelite_{name}", text, labels=[_MACHINE, "sensor"])
    for sensor, value in values.items():
        family.add_metric([machine, sensor], value)
    return family
