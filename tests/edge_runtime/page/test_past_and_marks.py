"""What the page asks of the history, and what it lets people say."""

import json
import socket
import threading

import pytest

pytest.importorskip("uvicorn", reason="the extra web is not installed")
pytest.importorskip("starlette", reason="the extra web is not installed")

from live_process import until
from page_client import SENSORS, TOKEN, ask, info, next_event, post, scored, serving, watching

from edge_runtime.history.history import History
from edge_runtime.history.history_sink import HistorySink
from edge_runtime.page import front, histories
from edge_runtime.page.address import PageAddress
from edge_runtime.page.marks import MarkRefused, checked_mark
from edge_runtime.page.web_sink import WebSink
from edge_runtime.streaming.alarm_events import AlarmEnded, AlarmStarted
from edge_runtime.streaming.blame import Blamed

BLAMED = (Blamed("heat", 0.75, 84.1, 61.2, 1.9, "°C"),)


@pytest.fixture
def page():
    history = History.open(None)
    recorder = HistorySink(history, info())
    for second in range(60):
        recorder.write(scored(0.5 if second != 30 else 3.0, time_s=1000.0 + second))
    started = AlarmStarted(1060.0, 2.0, 1.0, BLAMED)
    recorder.write(scored(2.0, alarm=True, time_s=1060.0, events=[started]))
    recorder.write(scored(0.1, time_s=1061.0, events=[AlarmEnded(1061.0, 1060.0, 1.0, 2.0, BLAMED)]))
    recorder.close()
    with serving(histories=(history,)) as (server, machine):
        yield server.port, machine, history


def answer(port, path):
    status, _, body = ask(port, path)
    return status, json.loads(body)


def marked(port, **content):
    status, _, body = post(port, "/api/mark", {"machine": "pump", "alarm": 1, "kind": "real"} | content)
    return status, json.loads(body)


def test_trend_shows_every_peak_in_as_few_points_as_asked(page):
    status, found = answer(page[0], "/api/trend?machine=pump&since=1000&until=1060&points=10")
    assert status == 200
    assert 5 <= len(found["times"]) <= 12
    assert max(found["highest"]) == 3.0
    assert len({len(column) for column in found.values()}) == 1


def test_sensors_are_shown_over_the_same_time(page):
    path = "/api/sensors?machine=pump&sensor=heat&sensor=flow&since=1000&until=1060&points=10"
    status, found = answer(page[0], path)
    assert status == 200
    assert set(found) == {"heat", "flow"}
    assert set(found["heat"]["mean"]) == {61.5}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/trend?machine=none&since=0&until=9&points=9", 404),
        ("/api/trend?machine=pump&since=0&until=9", 400),
        ("/api/trend?machine=pump&since=9&until=0&points=9", 400),
        ("/api/trend?machine=pump&since=nan&until=9&points=9", 400),
        ("/api/trend?machine=pump&since=-inf&until=inf&points=9", 400),
        ("/api/trend?machine=pump&since=0&until=1e300&points=9", 200),
        ("/api/trend?machine=pump&since=0&until=9&points=1000000", 400),
        ("/api/sensors?machine=pump&since=0&until=9&points=9", 400),
        ("/api/sensors?machine=pump&sensor=none&since=0&until=9&points=9", 400),
        ("/api/sensors?machine=pump&since=0&until=9&points=9" + "&sensor=heat" * 17, 400),
        ("/api/alarms?machine=none", 404),
    ],
)
def test_question_that_makes_no_sense_is_answered_with_what_was_expected(page, path, status):
    found = answer(page[0], path)
    assert found[0] == status
    assert ("error" in found[1]) == (status != 200)


def test_alarm_is_told_with_its_blamed_sensors(page):
    (alarm,) = answer(page[0], "/api/alarms?machine=pump")[1]["alarms"]
    assert (alarm["started"], alarm["ended"], alarm["peak"], alarm["threshold"]) == (1060.0, 1061.0, 2.0, 1.0)
    assert alarm["blamed"] == [
        {"sensor": "heat", "share": 0.75, "value": 84.1, "expected": 61.2, "deviation": 1.9, "unit": "°C"}
    ]


def test_mark_is_kept_and_shown_to_everybody(page):
    port, _, history = page
    with watching(port) as other:
        before = next_event(other)["alarm_changes"]
        assert marked(port, kind="false_alarm", who=" Kim\n", note="cleaning\tday") == (200, {"ok": True})
        while next_event(other)["alarm_changes"] == before:
            pass
    (mark,) = history.alarms("pump")[0].marks
    assert (mark.kind, mark.who, mark.note) == ("false_alarm", "Kim", "cleaning day")
    (shown,) = answer(port, "/api/alarms?machine=pump")[1]["alarms"][0]["marks"]
    assert (shown["kind"], shown["who"]) == ("false_alarm", "Kim")


def test_sensor_that_is_ignored_is_told_until_when(page):
    assert marked(page[0], kind="ignore", sensor="flow", lasts=3600)[0] == 200
    found = answer(page[0], "/api/alarms?machine=pump")[1]
    assert found["ignored"] == ["flow"]
    (mark,) = found["alarms"][0]["marks"]
    assert mark["until"] - mark["at"] == pytest.approx(3600)


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        ({"alarm": 2}, 404, "no such alarm"),
        ({"alarm": 10**30}, 404, "no such alarm"),
        ({"alarm": True}, 404, "no such alarm"),
        ({"alarm": "1"}, 404, "no such alarm"),
        ({"kind": "good"}, 400, "false_alarm, real, ignore"),
        ({"kind": ["real"]}, 400, "false_alarm, real, ignore"),
        ({"who": "a" * 81}, 400, "at most 80 characters"),
        ({"note": 5}, 400, "at most 500 characters"),
        ({"kind": "ignore", "sensor": "none", "lasts": 9}, 400, "one of the machine's sensors"),
        ({"kind": "ignore", "sensor": ["heat"], "lasts": 9}, 400, "one of the machine's sensors"),
        ({"kind": "ignore", "sensor": "heat", "lasts": 1e9}, 400, "up to a year"),
        ({"kind": "ignore", "sensor": "heat", "lasts": -1}, 400, "up to a year"),
        ({"kind": "ignore", "sensor": "heat", "lasts": None}, 400, "up to a year"),
        ({"machine": "none"}, 404, "no such machine"),
    ],
)
def test_mark_that_makes_no_sense_is_refused(page, content, status, words):
    found = marked(page[0], **content)
    assert found[0] == status
    assert words in found[1]["error"]
    assert page[2].alarms("pump")[0].marks == ()


def test_time_to_ignore_that_is_no_number_is_refused():
    with pytest.raises(MarkRefused, match="up to a year"):
        checked_mark({"kind": "ignore", "sensor": "heat", "lasts": float("nan")}, SENSORS, 0.0)


def test_history_that_is_slow_holds_up_whoever_asks_and_nobody_else(page, monkeypatch):
    monkeypatch.setattr(histories, "PATIENCE_S", 0.3)
    port, machine, history = page
    released = threading.Event()
    monkeypatch.setattr(history, "trend", lambda *_: released.wait(20))
    told = ask(port, "/api/trend?machine=pump&since=1000&until=1060&points=10")
    assert told[0] == 503
    with watching(port) as answer:
        machine.take(scored(0.7))
        while next_event(answer)["score"] != 0.7:
            pass
    released.set()


def test_questions_beyond_what_the_history_can_answer_are_refused_at_once(page, monkeypatch):
    monkeypatch.setattr(histories, "_MOST_WAITING", 0)
    assert ask(page[0], "/api/trend?machine=pump&since=1000&until=1060&points=10")[0] == 503


def test_request_that_never_comes_whole_is_no_failure_of_the_page(monkeypatch):
    monkeypatch.setattr(front, "_BODY_S", 0.2)
    told = []
    with serving(tell=told.append) as (server, _):
        head = "POST /api/mark HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        for waits in (True, False):
            with socket.create_connection(("127.0.0.1", server.port)) as client:
                client.settimeout(20)
                client.sendall(head.encode())
                if waits:
                    assert b"400 Bad Request" in client.recv(100)
        until(lambda: ask(server.port, "/api/machines")[0] == 200)
    assert told == []


def test_proxy_on_this_computer_may_pass_on_its_own_name_if_there_is_a_token(monkeypatch):
    monkeypatch.setenv("SAELITE_WEB_TOKEN", TOKEN)
    with serving() as (server, _):
        bearer = f"Bearer {TOKEN}"
        assert ask(server.port, "/api/machines", host="page.example", Authorization=bearer)[0] == 200


def test_machines_of_one_address_share_a_server_that_ends_with_the_last():
    from broker import free_port

    address, history = PageAddress("127.0.0.1", free_port()), History.open(None)
    pump, press = (WebSink(address, info(name), print, history) for name in ("pump", "press"))
    names = [one["name"] for one in json.loads(ask(address.port, "/api/machines")[2])["machines"]]
    assert names == ["press", "pump"], "by name"
    pump.close()
    assert len(json.loads(ask(address.port, "/api/machines")[2])["machines"]) == 1
    press.close()
    with pytest.raises(ConnectionError):
        ask(address.port, "/api/machines")
