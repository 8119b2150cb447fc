"""The file of a history: recognised, migrated, set aside; and disks that are full."""

import sqlite3
from contextlib import closing

import pytest
from histories import START_S, MovedClocks, alarm_block, block, info

from edge_runtime.errors import HistoryError, OutputError
from edge_runtime.history import schema, writing
from edge_runtime.history.history import History
from edge_runtime.history.history_sink import HistorySink
from edge_runtime.history.records import Mark
from edge_runtime.history.retention import Retention


@pytest.fixture
def clocks():
    return MovedClocks()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "site.db"


def recorded(path, clocks, *blocks, tell=lambda _: None):
    """Record some results, and close."""
    history = History.open(path, tell=tell, clocks=clocks.clocks)
    sink = HistorySink(history, info())
    for results in blocks:
        sink.write(results)
    sink.close()
    history.close()


def foreign_database(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE friends (name)")


@pytest.mark.parametrize("make", [foreign_database, lambda path: path.write_text("time,flow\n1,2\n")])
def test_file_that_is_no_history_is_not_touched(path, clocks, make):
    make(path)
    before = path.read_bytes()
    for opening in (lambda: History.open(path, clocks=clocks.clocks), lambda: History.read(path)):
        with pytest.raises(HistoryError, match=r"is not a history of saelite\. Nothing in it was touched"):
            opening()
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == ["site.db"]


def test_newer_history_is_not_touched(path, clocks):
    recorded(path, clocks, block(0, 10))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(HistoryError, match=f"has schema version {schema.VERSION + 1}, this saelite reads up to"):
        History.open(path)
    assert path.read_bytes() == before


def test_history_that_is_being_made_as_the_program_is_asked_to_end_leaves_nothing(path, monkeypatch):
    def asked_to_end(connection):
        schema.create(connection)
        raise SystemExit(0)

    monkeypatch.setattr("edge_runtime.history.database.create", asked_to_end)
    with pytest.raises(SystemExit):
        History.open(path)
    assert not list(path.parent.iterdir())


def test_older_history_is_migrated_with_all_it_holds(path, clocks, monkeypatch):
    recorded(path, clocks, alarm_block(0, 500, 400, 450))
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    monkeypatch.setattr("edge_runtime.history.database.VERSION", schema.VERSION)
    monkeypatch.setattr("edge_runtime.history.history.VERSION", schema.VERSION)
    monkeypatch.setitem(schema._MIGRATIONS, schema.VERSION - 1, "ALTER TABLE alarm ADD COLUMN colour TEXT;")
    with pytest.raises(HistoryError, match="brings it up to date"):
        History.read(path)
    recorded(path, clocks, alarm_block(500, 500, 600, 650))
    assert len(History.read(path).alarms()) == 2
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT colour FROM alarm").fetchall() == [(None,), (None,)]


def zeros(path):
    path.write_bytes(bytes(8192))


def shuffled(path):
    content = bytearray(path.read_bytes())
    content[100 : len(content) // 2] = bytes(byte ^ 0x5A for byte in content[100 : len(content) // 2])
    path.write_bytes(content)


def truncated(path):
    path.write_bytes(path.read_bytes()[:8192])


@pytest.mark.parametrize("damage", [zeros, shuffled, truncated])
def test_damaged_history_is_set_aside_and_a_new_one_begins(path, clocks, damage):
    recorded(path, clocks, alarm_block(0, 500, 400, 450))
    damage(path)
    before, told = path.read_bytes(), []
    recorded(path, clocks, alarm_block(500, 500, 600, 650), tell=told.append)
    assert len(told) == 1
    assert "is damaged" in told[0]
    assert "set aside as site.db.damaged" in told[0]
    assert path.with_name("site.db.damaged").read_bytes() == before
    assert [alarm.started_s for alarm in History.read(path).alarms()] == [START_S + 600]


def test_history_that_is_damaged_while_it_runs_is_set_aside_and_loses_no_new_alarm(path, clocks):
    told = []
    history = History.open(path, tell=told.append, clocks=clocks.clocks)
    sink = HistorySink(history, info())
    for number in range(30):
        sink.write(alarm_block(1000 * number, 1000, 1000 * number + 400, 1000 * number + 450))
    history.writer.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * (path.stat().st_size - 8192))
    history.writer.connection.execute("PRAGMA cache_size = 0").fetchall()
    for number in range(30, 32):
        sink.write(alarm_block(1000 * number, 1000, 1000 * number + 400, 1000 * number + 450))
    clocks.move(60)
    sink.close()
    assert {START_S + 30_400, START_S + 31_400} <= {alarm.started_s for alarm in history.alarms()}
    history.close()
    assert len(told) == 1
    with closing(sqlite3.connect(path)) as found:
        assert found.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_history_that_is_removed_while_it_runs_begins_again(path, clocks):
    history = History.open(path, clocks=clocks.clocks)
    sink = HistorySink(history, info())
    sink.write(alarm_block(0, 500, 400, 450))
    assert len(history.alarms()) == 1
    path.unlink()
    sink.write(alarm_block(500, 500, 600, 650))
    assert [alarm.started_s for alarm in history.alarms()] == [START_S + 600]
    history.close()


def test_two_processes_do_not_record_into_one_history(path, clocks):
    history = History.open(path, clocks=clocks.clocks)
    with pytest.raises(OutputError, match="is in use by process"):
        History.open(path, clocks=clocks.clocks)
    history.close()
    History.open(path, clocks=clocks.clocks).close()


def test_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(OutputError, match="does not exist"):
        History.open(tmp_path / "nowhere" / "site.db")
    with pytest.raises(HistoryError, match="no history at"):
        History.read(tmp_path / "site.db")


def test_history_opened_to_read_records_nothing(path, clocks):
    recorded(path, clocks, block(0, 10))
    with pytest.raises(HistoryError, match="opened to be read"):
        HistorySink(History.read(path), info())


class Disk:
    """A disk that can be full."""

    def __init__(self, history):
        self.connection, self.is_full = history.writer.connection, False
        history.writer._connection = self

    def execute(self, statement, *values):
        if self.is_full and statement.startswith("INSERT"):
            raise sqlite3.OperationalError("database or disk is full")
        return self.connection.execute(statement, *values)

    def close(self):
        self.connection.close()


def test_full_disk_stops_the_history_says_so_once_and_loses_no_alarm(path, clocks):
    told = []
    history = History.open(path, tell=told.append, clocks=clocks.clocks)
    disk, sink = Disk(history), HistorySink(history, info())
    sink.write(block(0, 100))
    disk.is_full = True
    for number in range(1, 20):
        sink.write(alarm_block(1000 * number, 1000, 1000 * number + 400, 1000 * number + 450))
        clocks.move(1000)
    assert [line.partition(" (")[0] for line in told] == [f"the history {path} cannot be written"]
    assert history.alarms() == ()
    disk.is_full = False
    clocks.move(writing.COMMIT_S)
    sink.write(block(20_000, 100))
    assert len(told) == 2
    assert len(history.alarms()) == 19
    assert all(alarm.ended_s is not None for alarm in history.alarms())
    history.close()


def test_alarm_is_kept_once_if_only_tidying_up_fails(path, clocks, monkeypatch):
    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Retention, "give_back", full)
    history = History.open(path, clocks=clocks.clocks)
    sink = HistorySink(history, info())
    sink.write(alarm_block(0, 500, 400, 450))
    sink.write(alarm_block(500, 500, 600, 650))
    assert len(history.alarms()) == 2
    history.close()


def test_work_that_waits_for_a_disk_is_bounded(path, clocks):
    history = History.open(path, clocks=clocks.clocks)
    disk, sink = Disk(history), HistorySink(history, info())
    disk.is_full = True
    for number in range(2500):
        sink.write(alarm_block(10 * number, 10, 10 * number + 2, 10 * number + 5))
        clocks.move(10)
    assert len(history.writer._queue) <= writing._MOST_WORK
    disk.is_full = False
    clocks.move(writing.COMMIT_S)
    sink.write(block(25_000, 10))
    found = history.alarms(limit=5000)
    assert 900 < len(found) <= 1000
    assert found[0].started_s == START_S + 24_992
    history.close()


def test_mark_on_a_full_disk_is_refused(path, clocks):
    history = History.open(path, clocks=clocks.clocks)
    disk, sink = Disk(history), HistorySink(history, info())
    sink.write(alarm_block(0, 500, 400, 450))
    disk.is_full = True
    with pytest.raises(HistoryError, match=r"cannot write to the history .* Try again later"):
        history.mark(1, Mark("real", "Ann", START_S))
    history.close()
