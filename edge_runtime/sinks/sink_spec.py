"""``--sink``: one word that selects the destination of results.

================================================  =====================================================
``jsonl:-``, ``jsonl:PATH[?max_mb=N&keep=N]``     one JSON object per line; a file is rotated
``csv:-``, ``csv:PATH[?max_mb=N&keep=N]``         CSV with a header
``alarms:-``, ``alarms:PATH[?max_mb=N&keep=N]``   alarms only: one JSON object for each start and end
``mqtt://HOST[:PORT][/BASE][?interval=S]``        state, events and Home Assistant discovery
``prometheus[:[HOST:]PORT]``                      ``/metrics``, on 127.0.0.1:9109 by default
``MODULE:FUNCTION``                               any Python function, called with each result and event
================================================  =====================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qsl

from edge_runtime.errors import UsageError
from edge_runtime.sinks.sink import Sink, StreamInfo
from edge_runtime.sinks.text import TextSink, alarm_lines, csv_header, csv_lines, json_lines
from edge_runtime.sources.source_spec import load_function

KINDS = (
    "jsonl:PATH, csv:PATH, alarms:PATH, mqtt://HOST, prometheus[:PORT], MODULE:FUNCTION; PATH may be - for standard "
    "output"
)
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_PROMETHEUS = re.compile(r"prometheus(?::(?:(?P<host>\[[^\]]+\]|[^:]+):)?(?P<port>\d+))?")


def open_sink(spec: str, info: StreamInfo, tell: Callable[[str], None]) -> Sink:
    """Open the sink that a ``--sink`` selects.

    Parameters
    ----------
    spec : str
    info : StreamInfo
    tell : callable
        Called with a one-line message for each loss and return.

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
    if kind == "jsonl" and rest:
        return _text(spec, rest, json_lines(info.sensors), "", info)
    if kind == "csv" and rest:
        return _text(spec, rest, csv_lines(info.sensors), csv_header(info.sensors), info)
    if kind == "alarms" and rest:
        return _text(spec, rest, alarm_lines, "", info)
    if kind in ("mqtt", "mqtts"):
        return _mqtt(spec, info, tell)
    if match := _PROMETHEUS.fullmatch(spec):
        from edge_runtime.sinks.prometheus import PrometheusSink

        return PrometheusSink((match["host"] or "127.0.0.1").strip("[]"), int(match["port"] or 9109), info)
    if _FUNCTION.fullmatch(spec):
        from edge_runtime.sinks.function import FunctionSink

        return FunctionSink(spec, load_function(spec, "--sink"))
    raise UsageError(f"--sink: expected one of {KINDS}. Received: {spec!r}")


def _text(spec: str, rest: str, form: Callable[..., list[str]], header: str, info: StreamInfo) -> Sink:
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
    machine = info.name if info.is_one_of_several else None
    return TextSink(path, form, header, int(max_mb * 1e6), keep, tells_health=not header, machine=machine)


def _mqtt(spec: str, info: StreamInfo, tell: Callable[[str], None]) -> Sink:
    from edge_runtime.common.mqtt_client import MqttAddress
    from edge_runtime.sinks.mqtt_sink import MqttSink

    return MqttSink(MqttAddress.parse(spec, ("interval", "discovery")), info, tell)
