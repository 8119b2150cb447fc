"""What people say of alarms by MQTT: commands in, the last word out."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edge_runtime.common.durations import parse_duration
from edge_runtime.common.notices import Notices
from edge_runtime.errors import SaeliteError, UsageError
from edge_runtime.streaming.results import time_text

if TYPE_CHECKING:  # sqlite3 comes with it
    from edge_runtime.history.history import History
    from edge_runtime.history.records import Mark

MOST_BYTES = 4096
_MOST_WAITING = 100
_LOOK_S = 1.0
_FIELDS = {"mark", "alarm", "note", "who", "sensor", "until"}


class MqttCommands:
    """Takes commands from ``BASE/command`` in a thread of its own, in which the history's disk may be waited for.

    A command is an object of JSON: ``{"mark": "false_alarm" | "real" | "ignore", "alarm": NUMBER | "last"}``, with
    ``note`` and ``who`` if wanted, and for ``ignore`` with ``sensor`` and ``until`` (a time span such as ``2d``).
    What is not one is ignored, and reported once.

    Parameters
    ----------
    history : History
    machine : str
    publish : callable
        Called with the payload for ``BASE/feedback`` whenever somebody has said something, here or elsewhere.
    tell : callable
    """

    def __init__(
        self, history: History, machine: str, publish: Callable[[str], None], tell: Callable[[str], None]
    ) -> None:
        self._history, self._machine, self._publish = history, machine, publish
        self._notices = Notices(tell)
        self._waiting: queue.Queue[bytes | None] = queue.Queue(_MOST_WAITING)
        self._version: tuple[int, int] | None = None
        self._last = ""
        self._thread = threading.Thread(target=self._run, name="mqtt commands", daemon=True)
        self._thread.start()

    def take(self, payload: bytes, *, retained: bool) -> None:
        """Take a message; never waits."""
        if retained:
            # It was meant for another time, perhaps for another alarm.
            self._refuse("it is retained; publish commands without that flag")
        elif len(payload) > MOST_BYTES:
            self._refuse(f"it has {len(payload)} bytes, at most {MOST_BYTES} are read")
        else:
            try:
                self._waiting.put_nowait(payload)
            except queue.Full:
                self._refuse("too many wait already")

    def show_again(self) -> None:
        """Publish the last word again, as after a connection was lost."""
        self._last, self._version = "", None

    def close(self, patience_s: float) -> None:
        """Take nothing more."""
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(patience_s)

    def _run(self) -> None:
        while True:
            try:
                payload = self._waiting.get(timeout=_LOOK_S)
                if payload is None:
                    return
                self._obey(payload)
            except queue.Empty:
                pass
            except (SaeliteError, ValueError, RecursionError) as error:
                self._refuse(str(error))
            self._look()

    def _obey(self, payload: bytes) -> None:
        number, mark = command_of(payload, time.time())
        alarm = self._history.last_alarm(self._machine) if number is None else self._history.alarm(number)
        if alarm.machine != self._machine:
            raise UsageError(f"alarm {alarm.id} is one of {alarm.machine}")
        self._history.mark(alarm.id, mark)

    def _look(self) -> None:
        try:
            version = self._history.marks_version()
            if version == self._version:
                return
            last = self._history.last_mark(self._machine)
            ignored = sorted(self._history.ignored(self._machine, time.time()))
        except SaeliteError:
            return
        self._version = version
        text = "" if last is None else _feedback(*last, ignored)
        if text != self._last:
            self._last = text
            self._publish(text)

    def _refuse(self, reason: str) -> None:
        self._notices.once("command", f"{self._machine}: an MQTT command is ignored: {reason:.300} (told once)")


def command_of(payload: bytes, now_s: float) -> tuple[int | None, Mark]:
    """Return the alarm, None for the last one, and the mark of a command.

    Raises
    ------
    UsageError, ValueError, RecursionError
        If it is not a command.

    Examples
    --------
    >>> command_of(b'{"mark": "real", "alarm": "last", "note": "seal"}', 7.0)
    (None, Mark(kind='real', who='MQTT', at_s=7.0, note='seal', until_s=None, sensor=''))
    """
    from edge_runtime.history.records import Mark

    data = json.loads(payload)
    if not isinstance(data, dict) or not {"mark", "alarm"} <= data.keys() <= _FIELDS:
        raise UsageError(f"expected an object of {', '.join(sorted(_FIELDS))}. Received: {data!r:.80}")
    alarm = data["alarm"]
    if alarm != "last" and (isinstance(alarm, bool) or not isinstance(alarm, int)):
        raise UsageError(f'alarm: expected a number or "last". Received: {alarm!r:.80}')
    texts = {name: data.get(name, "MQTT" if name == "who" else "") for name in ("mark", "who", "note", "sensor")}
    for name, text in texts.items():
        if not isinstance(text, str):
            raise UsageError(f"{name}: expected a text. Received: {text!r:.80}")
    mark = Mark(texts["mark"], texts["who"], now_s, texts["note"], _until(data, now_s), texts["sensor"])
    return None if alarm == "last" else alarm, mark


def _until(data: dict[str, Any], now_s: float) -> float | None:
    if "until" not in data:
        return None
    span_s = parse_duration(data["until"]) if isinstance(data["until"], str) else None
    if not span_s:
        raise UsageError(f"until: expected a time span, such as 2d. Received: {data['until']!r:.80}")
    return now_s + span_s


def _feedback(alarm: int, mark: Mark, ignored: list[str]) -> str:
    said = {"alarm": alarm, "mark": mark.kind, "who": mark.who, "note": mark.note, "time": time_text(mark.at_s)}
    return json.dumps({**said, "ignored": ignored}, ensure_ascii=False)
