"""Sinks that are slow, stuck or gone: they hold up nobody, lose the oldest results first and events last."""

import os
import signal
import threading
import time
from contextlib import suppress

import pytest
from live_process import PATIENCE_S, line, start, until
from machines import SENSORS, pump_rows
from numbered_results import results

from edge_runtime.common.counters import Counters
from edge_runtime.common.notices import Notices
from edge_runtime.errors import OutputError
from edge_runtime.sinks import outlet
from edge_runtime.sinks.sinks import Sinks
from edge_runtime.sinks.special_file import SpecialFile
from edge_runtime.streaming.unwritten import Unwritten


class Recorder:
    """A sink that can be held."""

    def __init__(self, name="recorder"):
        self.name, self.scores, self.events, self.counts = name, [], [], []
        self.may_go, self.closed = threading.Event(), False
        self.may_go.set()

    def write(self, taken):
        self.may_go.wait(PATIENCE_S)
        self.scores += taken.scores.tolist()
        self.events += [event.time_s for event in taken.events]

    def status(self, counters):
        self.counts.append(counters.read)

    def close(self):
        self.closed = True


@pytest.fixture
def small_queue(monkeypatch):
    monkeypatch.setattr(outlet, "MOST_ROWS", 100)


def test_stuck_sink_holds_up_no_other(small_queue):
    stuck, well, told = Recorder("stuck"), Recorder("well"), []
    sinks = Sinks([stuck, well], Notices(told.append))
    stuck.may_go.clear()
    for number in range(50):
        if not sinks.has_room:
            sinks.give_up()
        sinks.write(results(10 * number, 10))
        until(lambda count=10 * number + 10: len(well.scores) == count)
    assert told == ["stuck is too slow: its oldest results are dropped, events are kept (counted as undelivered)"]
    stuck.may_go.set()
    sinks.close()
    assert stuck.scores[-1] == 499, "the newest state wins"
    assert sinks.undelivered == 500 - len(stuck.scores) > 300
    assert (stuck.closed, well.closed) == (True, True)
    sinks.raise_lost()


def test_events_are_never_dropped_before_results(small_queue):
    stuck = Recorder()
    sinks = Sinks([stuck], Notices(lambda _: None))
    stuck.may_go.clear()
    for number in range(100):
        sinks.write(results(10 * number, 10, events=(3, 7)))
    stuck.may_go.set()
    sinks.close()
    assert sorted(stuck.events) == [10 * number + row for number in range(100) for row in (3, 7)]
    assert len(stuck.scores) < 500


class FullFor(Recorder):
    """A sink that cannot keep the first events."""

    def __init__(self, failures):
        super().__init__()
        self.failures = failures

    def write(self, taken):
        if taken.events and self.failures:
            self.failures -= 1
            raise OSError(28, "No space left on device")
        super().write(taken)


def test_event_that_could_not_be_kept_is_tried_again_until_it_is(monkeypatch):
    monkeypatch.setattr(outlet, "_FIRST_PAUSE_S", 0.01)
    full = FullFor(failures=3)
    sinks = Sinks([full], Notices(lambda _: None))
    sinks.write(results(0, 10, events=(3,)))

    def goes_on():
        sinks.status(Counters())
        return full.events == [3]

    until(goes_on)
    assert sinks.unwritten() == ()
    sinks.close()
    assert full.events == [3]


def test_event_that_is_never_kept_stays_unwritten():
    sinks = Sinks([FullFor(failures=1000), Recorder("well")], Notices(lambda _: None))
    sinks.write(results(0, 10, events=(3,)))
    sinks.close()
    (owed,) = sinks.unwritten()
    assert (owed.sink, [event.time_s for event in owed.events]) == ("recorder", [3])


def test_events_are_unwritten_from_before_they_are_handed_out_until_every_sink_has_them():
    stuck, well = Recorder("stuck"), Recorder("well")
    sinks = Sinks([stuck, well], Notices(lambda _: None))
    stuck.may_go.clear()
    taken = results(0, 10, events=(3, 7))
    sinks.expect(taken)
    assert [owed.sink for owed in sinks.unwritten()] == ["stuck", "well"]
    sinks.write(taken)
    until(lambda: [owed.sink for owed in sinks.unwritten()] == ["stuck"])
    stuck.may_go.set()
    until(lambda: not sinks.unwritten())
    sinks.close()


def test_events_announced_again_go_to_the_sink_that_had_not_written_them():
    one, other = Recorder("one"), Recorder("other")
    sinks = Sinks([one, other], Notices(lambda _: None))
    sinks.announce_again([Unwritten.of("one", results(0, 10, events=(3, 7)).events)], SENSORS)
    sinks.close()
    assert (one.events, other.events) == ([3, 7], [])


def test_rows_of_events_stay_with_them_when_the_others_give_way():
    kept = results(0, 10, events=(-1, 3, 7, 7)).with_events()
    assert kept.scores.tolist() == [3, 7]
    assert [(event.time_s, row) for event, row in zip(kept.events, kept.event_rows, strict=True)] == [
        (-1, -1), (3, 0), (7, 1), (7, 1),
    ]  # fmt: skip


def test_counts_wait_in_one_place_and_the_newest_wins():
    sink = Recorder()
    sinks = Sinks([sink], Notices(lambda _: None))
    sink.may_go.clear()
    sinks.write(results(0, 1))
    until(lambda: sinks._outlets[0]._rows == 0)
    for read in range(100):
        sinks.status(Counters(read=read))
    sink.may_go.set()
    sinks.close()
    assert sink.counts == [99]


def test_sink_that_never_finishes_is_left_behind_at_the_deadline():
    stuck, told = Recorder("stuck"), []
    sinks = Sinks([stuck], Notices(told.append))
    stuck.may_go.clear()
    for number in range(5):
        sinks.write(results(number, 1))
    started_s = time.monotonic()
    sinks.close(patience_s=0.2)
    assert time.monotonic() - started_s < PATIENCE_S / 2
    assert told == ["stuck did not finish in time"]
    assert sinks.undelivered == 4
    with pytest.raises(OutputError, match="4 results reached no sink"):
        sinks.raise_lost()
    stuck.may_go.set()


def test_blocked_standard_output_holds_up_neither_file_nor_state_nor_the_end(model_path, tmp_path):
    sinks = ("--sink", "jsonl:-", "--sink", "csv:all.csv?max_mb=1000")
    process = start(model_path, "--source", "-", *sinks, "--state", "s.json", "--state-interval", "0.2s", cwd=tmp_path)
    block = b"".join(line(row) for row in pump_rows(1000))
    process.stdin.write((",".join(SENSORS) + "\n").encode())
    # Nobody reads its standard output; so much fills the pipe and the queue before it.
    for _ in range(outlet.MOST_ROWS // 1000 + 30):
        process.stdin.write(block)
    until(lambda: (tmp_path / "all.csv").read_bytes().count(b"\n") > outlet.MOST_ROWS + 20_000)
    before = (tmp_path / "s.json").read_bytes()
    until(lambda: (tmp_path / "s.json").read_bytes() != before)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=20)
    assert process.returncode == 0
    err = process.stderr.read().decode()
    assert "standard output is too slow" in err
    scored = int(err.splitlines()[-1].split(" scored")[0].rpartition(" ")[2])
    assert (tmp_path / "all.csv").read_bytes().count(b"\n") == scored + 1
    for pipe in (process.stdin, process.stdout, process.stderr):
        with suppress(BrokenPipeError):
            pipe.close()


def test_fifo_that_nobody_reads_holds_up_no_other_sink(model_path, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    sinks = ("--sink", "csv:fifo", "--sink", "csv:all.csv")
    process = start(model_path, "--source", "-", *sinks, cwd=tmp_path)
    process.stdin.write((",".join(SENSORS) + "\n").encode() + b"".join(map(line, pump_rows(200))))
    process.stdin.close()
    assert process.wait(timeout=PATIENCE_S) == 0
    assert (tmp_path / "all.csv").read_bytes().count(b"\n") == 199
    assert b"fifo did not finish in time" in process.stderr.read()
    process.stdout.close()
    process.stderr.close()


def test_fifo_has_its_header_once_for_each_reader(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    file = SpecialFile(tmp_path / "fifo", b"score\n")
    for first in (1, 3):
        reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
        file.write(b"%d\n" % first)
        file.write(b"%d\n" % (first + 1))
        assert os.read(reader, 100) == b"score\n%d\n%d\n" % (first, first + 1)
        os.close(reader)
        with pytest.raises(BrokenPipeError):
            file.write(b"lost\n")
