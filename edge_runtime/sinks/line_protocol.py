"""InfluxDB's line protocol: ``measurement,tag=value field=value time``, times in nanoseconds.

==================  ==================  =====================================================================
measurement         tags                fields
==================  ==================  =====================================================================
``saelite``         machine, host       score, threshold, alarm, drift
``saelite_sensor``  … and sensor        contribution, value, expected: of the sensors that contribute most
``saelite_event``   … and event         what the event says: text, sensors, score, peak_score, duration_s …
``saelite_status``  machine, host       the counts, and stale
==================  ==================  =====================================================================

Names come from files, so they are tags' values, never names of tags or fields.

References
----------
https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping

from edge_runtime.common.counters import Counters
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.streaming.alarm_events import AlarmEvent
from edge_runtime.streaming.blame import explanation
from edge_runtime.streaming.health import Health, HealthEvent
from edge_runtime.streaming.results import Results

_SPECIAL = re.compile(r"([,= ])")
# The protocol has no way to write these: a backslash that would escape what follows it, and line ends.
_UNWRITABLE = re.compile(r'\\(?=[,= "]|$)')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def tag_text(text: str) -> str:
    r"""Return a tag's value; control characters become spaces, and a backslash that would escape becomes a slash.

    >>> tag_text("inlet, pump=1"), tag_text("C:\\")
    ('inlet\\,\\ pump\\=1', 'C:/')
    """
    return _SPECIAL.sub(r"\\\1", _UNWRITABLE.sub("/", _CONTROL.sub(" ", text)))


def field_text(value: float | str) -> str:
    r"""Return a field's value; empty for a number that is not finite, which the protocol does not know.

    >>> field_text(True), field_text(3), field_text(0.1234567), field_text('a "b"'), field_text(math.nan)
    ('true', '3i', '0.123457', '"a \\"b\\""', '')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value}i"
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else ""
    text = _CONTROL.sub(" ", value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def nanoseconds(time_s: float) -> int:
    """Return a time to the microsecond, in nanoseconds: a float of seconds holds no more."""
    return round(time_s * 1e6) * 1000


class InfluxLines:
    """Turns results, events and counts of one stream into lines.

    Parameters
    ----------
    info : StreamInfo
    """

    def __init__(self, info: StreamInfo) -> None:
        self._tags = "".join(
            f",{name}={tag_text(value)}" for name, value in (("host", info.host), ("machine", info.name)) if value
        )

    def results(self, results: Results) -> list[str]:
        """Return lines of results and their events."""
        lines = []
        for row in range(len(results)):
            lines += self._row(results, row, nanoseconds(float(results.times[row])))
        return [*lines, *(self.event(event) for event in results.events)]

    def event(self, event: AlarmEvent | HealthEvent) -> str:
        """Return an event's line."""
        fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
        if "blamed" in fields:
            blamed = fields.pop("blamed")
            fields |= {"text": explanation(blamed), "sensors": ", ".join(one.sensor for one in blamed)}
        return self._line("_event", f",event={event.name}", fields, nanoseconds(fields.pop("time_s")))

    def status(self, counters: Counters, health: Health | None, time_s: float) -> str:
        """Return the counts' line."""
        stale = {} if health is None else {"stale": health.stale}
        return self._line("_status", "", dataclasses.asdict(counters) | stale, nanoseconds(time_s))

    def _row(self, results: Results, row: int, time_ns: int) -> list[str]:
        one = results.row(row)
        fields = {
            "score": one.score,
            "threshold": one.threshold,
            "alarm": one.alarm,
            "drift": math.nan if one.drift is None else one.drift,
        }
        lines = [self._line("", "", fields, time_ns)]
        for sensor, share in zip(results.top[row].tolist(), one.sensors.values(), strict=True):
            if share > 0:
                details = {"contribution": share, "value": float(results.values[row, sensor])}
                if results.expected.shape[1]:
                    details["expected"] = float(results.expected[row, sensor])
                tag = f",sensor={tag_text(results.sensor_names[sensor])}"
                lines.append(self._line("_sensor", tag, details, time_ns))
        return lines

    def _line(self, kind: str, tags: str, fields: Mapping[str, float | str], time_ns: int) -> str:
        texts = {name: field_text(value) for name, value in fields.items()}
        written = ",".join(f"{name}={text}" for name, text in texts.items() if text)
        return f"saelite{kind}{self._tags}{tags} {written} {time_ns}\n"
