"""``--sink``: one word that selects the destination of results.

================================================  =====================================================
``jsonl:-``, ``jsonl:PATH[?max_mb=N&keep=N]``     one JSON object per line; a file is rotated
``csv:-``, ``csv:PATH[?max_mb=N&keep=N]``         CSV with a header
``alarms:-``, ``alarms:PATH[?max_mb=N&keep=N]``   alarms only: one JSON object for each start and end
``influx://HOST[:PORT]/DATABASE[?org=ORG]``       an InfluxDB; with ``org`` a bucket of version 2
``influx:-``, ``influx:PATH[?max_mb=N&keep=N]``   InfluxDB's line protocol, for Telegraf's execd or a file
``mqtt://HOST[:PORT][/BASE][?interval=S]``        state, events and Home Assistant discovery
``prometheus[:[HOST:]PORT]``                      ``/metrics``, on 127.0.0.1:9109 by default
``web[:[HOST:]PORT]``                             the live page, on 127.0.0.1:8090 by default
``MODULE:FUNCTION``                               any Python function, called with each result and event
================================================  =====================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from edge_runtime.errors import UsageError
from edge_runtime.sinks.sink import Sink, StreamInfo
from edge_runtime.sinks.text import (
    Format,
    TextSink,
    alarm_lines,
    csv_header,
    csv_lines,
    json_line,
    json_lines,
    machine_start,
)
from edge_runtime.sources.source_spec import load_function
from edge_runtime.streaming.health import HealthEvent

if TYPE_CHECKING:  # sqlite3 comes with it
    from edge_runtime.history.history import History

KINDS = (
    "jsonl:PATH, csv:PATH, alarms:PATH, influx:PATH, influx://HOST/DATABASE, mqtt://HOST, prometheus[:PORT], "
    "web[:PORT], MODULE:FUNCTION; PATH may be - for standard output"
)
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_PROMETHEUS = re.compile(r"prometheus(?::(?:(?P<host>\[[^\]]+\]|[^:]+):)?(?P<port>\d+))?")


def open_sink(spec: str, info: StreamInfo, tell: Callable[[str], None], history: History | None = None) -> Sink:
    """Open the sink that a ``--sink`` selects.

    Parameters
    ----------
    spec : str
    info : StreamInfo
    tell : callable
        Called with a one-line message for each loss and return.
    history : History, optional
        What the live page reads, and where sinks keep what people say of alarms.

    Raises
    ------
    UsageError
        If there is no such kind of sink, or an option is invalid.
    OutputError
        If it cannot be opened.
    MissingExtraError
        If a package it needs is not installed.
    """
    kind, _, rest = spec.partition(":")
    if kind in ("jsonl", "csv", "alarms") and rest:
        return _lines(kind, spec, rest, info)
    if kind in ("influx", "influxs") and rest:
        return _influx(spec, rest, info, tell)
    if kind in ("mqtt", "mqtts"):
        return _mqtt(spec, info, tell, history)
    if kind == "web":
        return _web(spec, info, tell, history)
    if match := _PROMETHEUS.fullmatch(spec):
        from edge_runtime.sinks.prometheus import PrometheusSink

        return PrometheusSink((match["host"] or "127.0.0.1").strip("[]"), int(match["port"] or 9109), info)
    if _FUNCTION.fullmatch(spec):
        from edge_runtime.sinks.function import FunctionSink

        return FunctionSink(spec, load_function(spec, "--sink"))
    raise UsageError(f"--sink: expected one of {KINDS}. Received: {spec!r}")


def _lines(kind: str, spec: str, rest: str, info: StreamInfo) -> Sink:
    if kind == "csv":
        return _text(spec, rest, csv_lines(info.sensors), csv_header(info.sensors), None)
    form = json_lines(info.sensors) if kind == "jsonl" else alarm_lines
    if not info.is_one_of_several:
        return _text(spec, rest, form, "", json_line)
    start = machine_start(info.name)

    def named(line: str) -> str:
        return start + line.removeprefix("{")

    return _text(spec, rest, lambda results: [*map(named, form(results))], "", lambda event: named(json_line(event)))


def _text(spec: str, rest: str, form: Format, header: str, health_line: Callable[[HealthEvent], str] | None) -> Sink:
    path, _, query = rest.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(set(options) - {"max_mb", "keep"})
    if unknown:
        raise UsageError(f"--sink {spec}: unknown option {', '.join(unknown)}. Expected: max_mb, keep.")
    try:
        max_mb, keep = float(options.get("max_mb", "10")), int(options.get("keep", "5"))
    except ValueError:
        max_mb, keep = 0.0, 0
    if not 0 < max_mb < 1e6 or not 1 <= keep <= 1000:
        raise UsageError(f"--sink {spec}: expected max_mb above 0 and keep from 1 to 1000.")
    return TextSink(path, form, header, int(max_mb * 1e6), keep, health_line)


def _influx(spec: str, rest: str, info: StreamInfo, tell: Callable[[str], None]) -> Sink:
    if not rest.startswith("//"):
        from edge_runtime.sinks.line_protocol import InfluxLines

        lines = InfluxLines(info)
        return _text(spec, rest, lines.results, "", lines.event)
    from edge_runtime.sinks.influx import InfluxSink
    from edge_runtime.sinks.influx_address import InfluxAddress

    return InfluxSink(InfluxAddress.parse(spec), info, tell)


def _web(spec: str, info: StreamInfo, tell: Callable[[str], None], history: History | None) -> Sink:
    from edge_runtime.history.history import History
    from edge_runtime.page.address import PageAddress
    from edge_runtime.page.web_sink import WebSink

    return WebSink(PageAddress.parse(spec), info, tell, history or History.open(None))


def _mqtt(spec: str, info: StreamInfo, tell: Callable[[str], None], history: History | None) -> Sink:
    from edge_runtime.common.mqtt_client import MqttAddress
    from edge_runtime.sinks.mqtt_sink import MqttSink

    return MqttSink(MqttAddress.parse(spec, ("interval", "discovery", "page")), info, tell, history)
