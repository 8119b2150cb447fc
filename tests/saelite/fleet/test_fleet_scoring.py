"""The recordings of many assets become scores in Parquet, the same as in one piece, whatever happens on the way."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import run_saelite
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from machines import SENSORS, pump_rows, write_csv

from edge_runtime.common.asset_names import folder_of
from edge_runtime.errors import ModelFileError, OutputError, RecordingError, UsageError
from edge_runtime.inference.detector import Detector
from edge_runtime.model_file.container import read_content
from saelite.fleet.assets import Asset
from saelite.fleet.fleet_folder import FleetFolder
from saelite.fleet.fleet_scores import FleetScores
from saelite.fleet.score_asset import ScoreItem, ScoreSettings, score_asset
from saelite.fleet.scoring import score as score_fleet
from saelite.scoring import score as score_one

pl = pytest.importorskip("polars")
START = np.datetime64("2026-01-01T00:00:00", "us")
PUMPS = 12
HOSTILE = ("line/2: é", "10%", "..", "a=b", " asset ")


def recording(rows, first=0, **more):
    """Return rows as a frame with a time every ten seconds."""
    times = START + 10_000_000 * (first + np.arange(len(rows))).astype("timedelta64[us]")
    return pl.DataFrame({"time": times, **dict(zip(SENSORS, rows.T, strict=True)), **more})


def faulty(n, seed):
    rows = pump_rows(n, seed)
    rows[n // 2 : n // 2 + 15, SENSORS.index("pressure")] += 40_000
    return rows


def with_threshold(model, factor):
    """Return a model's manifest with another threshold."""
    threshold = model.manifest.threshold
    return replace(model.manifest, threshold=threshold._replace(value=factor * threshold.value))


def scores_of(folder, asset):
    return pl.read_parquet(folder / folder_of(asset) / "scores.parquet")


def outcomes_of(found):
    return {one.asset: one for one in found.outcomes}


def assert_same(found, scored):
    """Compare a file of scores with what `saelite.score` returns."""
    np.testing.assert_allclose(found["score"], scored.scores, rtol=1e-5)
    np.testing.assert_array_equal(found["threshold"], scored.thresholds)
    np.testing.assert_array_equal(found["anomaly"], scored.anomalies)
    np.testing.assert_array_equal(found["alarm"], scored.alarms)


@pytest.fixture
def history(tmp_path):
    """Three pumps in hive partitions, one of them in two files."""
    folder = tmp_path / "history"
    for number, name in enumerate(("pump1", "pump2", "pump3")):
        place = folder / folder_of(name)
        place.mkdir(parents=True)
        rows = faulty(200, 10 + number)
        recording(rows[:90]).write_parquet(place / "part-2.parquet")
        recording(rows[90:], 90).write_parquet(place / "part-10.parquet")
    return folder


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(
    cuts=st.lists(st.integers(1, 149), max_size=5, unique=True).map(sorted),
    groups=st.integers(1, 40),
    gap=st.none() | st.integers(1, 140),
    missing=st.lists(st.tuples(st.integers(0, 149), st.integers(0, 3)), max_size=4),
    kind=st.sampled_from(["parquet", "csv"]),
)
def test_files_row_groups_and_blocks_give_the_scores_of_one_piece(
    model_path, tmp_path, cuts, groups, gap, missing, kind
):
    rows = faulty(150, 3)
    for row, sensor in missing:
        rows[row, sensor] = np.nan
    whole = recording(rows)
    if gap is not None:
        whole = whole.with_columns(
            time=pl.when(pl.int_range(150) < gap).then("time").otherwise(pl.col("time") + pl.duration(hours=1))
        )
    shutil.rmtree(tmp_path / "cut", ignore_errors=True)
    (tmp_path / "cut").mkdir()
    files = []
    for start, stop in zip([0, *cuts], [*cuts, 150], strict=True):
        files.append(str(tmp_path / "cut" / f"part-{len(files)}.{kind}"))
        if kind == "parquet":
            whole[start:stop].write_parquet(files[-1], row_group_size=groups)
        else:
            whole[start:stop].write_csv(files[-1])
    whole.write_parquet(tmp_path / "whole.parquet")
    asset = Asset("pump", tuple(files))
    item = ScoreItem(asset, str(model_path), read_content(model_path), tmp_path / "out" / "scores.parquet")
    outcome = score_asset(item, ScoreSettings())
    scored = score_one(Detector.load(model_path), tmp_path / "whole.parquet")
    found = pl.read_parquet(item.output)
    assert_same(found, scored)
    np.testing.assert_allclose(found["time"].to_physical().to_numpy() / 1e6, scored.times, rtol=0, atol=1e-5)
    assert (outcome.windows, outcome.alarms, outcome.breaks) == (
        scored.summary.windows, scored.summary.alarms, scored.summary.breaks,
    )  # fmt: skip


def test_each_asset_is_scored_by_the_fleets_own_model_and_one_without_is_reported(exported, history, tmp_path):
    other = replace(exported, manifest=with_threshold(exported, 2.0))
    fleet = FleetFolder(tmp_path / "fleet")
    for name, model in (("pump1", exported), ("pump2", other)):
        fleet.model(name).parent.mkdir(parents=True)
        model.write(fleet.model(name))
    found = score_fleet(fleet.path, history, tmp_path / "out", workers=0)
    outcomes = outcomes_of(found)
    assert {name: one.status for name, one in outcomes.items()} == {
        "pump1": "scored", "pump2": "scored", "pump3": "no model",
    }  # fmt: skip
    assert scores_of(found.path, "pump2")["threshold"].unique().to_list() == [2.0 * exported.manifest.threshold.value]
    assert not found.scores("pump3").exists()
    assert "pump3: the fleet has no model of it" in repr(found)


def test_summary_says_when_and_whom_each_asset_alarmed(model_path, history, tmp_path):
    found = score_fleet(model_path, history, tmp_path / "out", workers=0)
    table = pl.read_parquet(found.path / "summary.parquet")
    assert table["asset"].to_list() == ["pump1", "pump2", "pump3"]
    for row in table.iter_rows(named=True):
        scores = scores_of(found.path, row["asset"])
        assert (row["rows"], row["windows"]) == (200, len(scores))
        assert row["alarms"] >= 1
        assert row["most_blamed"] == "pressure"
        assert row["highest_score"] == pytest.approx(scores["score"].max())
        starts = scores.filter(pl.col("alarm") & ~pl.col("alarm").shift(1, fill_value=False))["time"]
        assert (row["first_alarm"].replace(tzinfo=None), len(starts)) == (starts[0], row["alarms"])
        assert scores.filter("anomaly")["blamed"].null_count() == 0
        assert scores.filter(~pl.col("anomaly") & ~pl.col("alarm"))["blamed"].null_count() > 100
    assert "pressure" in repr(found)


def test_bad_assets_never_stop_the_others_and_hostile_names_stay(model_path, tmp_path):
    data = tmp_path / "data"
    for number, name in enumerate(HOSTILE):
        (data / folder_of(name)).mkdir(parents=True)
        recording(pump_rows(60, number)).write_parquet(data / folder_of(name) / "rows.parquet")
    bad = {"broken": b"PAR1 is not enough", "short": b"time,flow,pressure,current,vibration\n0,1,2,3,4\n"}
    for name, content in bad.items():
        (data / folder_of(name)).mkdir()
        (data / folder_of(name) / f"rows.{'parquet' if name == 'broken' else 'csv'}").write_bytes(content)
    (data / folder_of("differs")).mkdir()
    recording(pump_rows(60)).write_parquet(data / folder_of("differs") / "a.parquet")
    recording(pump_rows(60), 60).drop("current").write_parquet(data / folder_of("differs") / "b.parquet")
    found = score_fleet(model_path, data, tmp_path / "out", workers=0)
    outcomes = outcomes_of(found)
    assert {name for name, one in outcomes.items() if one.status == "scored"} == set(HOSTILE)
    assert "cannot read" in outcomes["broken"].reason
    assert "no complete window" in outcomes["short"].reason
    assert "b.parquet has no column current" in outcomes["differs"].reason
    assert all(len(scores_of(found.path, name)) == 58 for name in HOSTILE)
    assert not list(found.path.rglob("*.part"))
    assert set(FleetScores.read(found.path).frame["asset"]) == {*HOSTILE, "broken", "short", "differs"}


def test_files_that_overlap_in_time_are_refused(model_path, tmp_path):
    place = tmp_path / "data" / "pump"
    place.mkdir(parents=True)
    recording(pump_rows(60)).write_parquet(place / "a.parquet")
    recording(pump_rows(60), 30).write_parquet(place / "b.parquet")
    found = score_fleet(model_path, tmp_path / "data", tmp_path / "out", workers=0)
    assert "b.parquet begins before" in outcomes_of(found)["pump"].reason


def test_rows_that_go_backwards_are_counted_and_said(model_path, tmp_path):
    shuffled = recording(pump_rows(60))[[*range(30, 60), *range(30)]]
    shuffled.write_parquet(tmp_path / "pump.parquet")
    (one,) = score_fleet(model_path, tmp_path / "pump.parquet", tmp_path / "out", workers=0).outcomes
    assert (one.asset, one.breaks) == ("pump", 1)
    assert "the clock went backwards" in one.notices


@pytest.mark.parametrize(
    ("time", "kind"),
    [
        (pl.col("time").dt.replace_time_zone("UTC"), pl.Datetime("us", "UTC")),
        (pl.col("time").dt.cast_time_unit("ns"), pl.Datetime("us")),
        (pl.col("time").dt.epoch("s"), pl.Float64),
    ],
)
def test_time_keeps_what_it_was(model_path, tmp_path, time, kind):
    recording(pump_rows(20)).with_columns(time).write_parquet(tmp_path / "pump.parquet")
    found = score_fleet(model_path, tmp_path / "pump.parquet", tmp_path / "out", workers=0)
    times = scores_of(found.path, "pump")["time"]
    assert times.dtype == kind
    seconds = times.to_numpy() if kind == pl.Float64 else times.to_physical().to_numpy() / 1e6
    np.testing.assert_allclose(np.diff(seconds), 10.0)
    assert seconds[0] == START.astype(np.int64) / 1e6 + 20


def test_rows_are_numbered_where_there_is_no_time_and_files_follow_by_number(model_path, tmp_path):
    rows, place = pump_rows(130, 6), tmp_path / "data" / "pump"
    place.mkdir(parents=True)
    for number in range(13):
        write_csv(place / f"{number}.csv", rows[10 * number : 10 * number + 10])
    write_csv(tmp_path / "whole.csv", rows)
    found = score_fleet(model_path, tmp_path / "data", tmp_path / "out", workers=0, explain=True)
    table = scores_of(found.path, "pump")
    assert table["row"].to_list() == list(range(2, 130))
    scored = score_one(Detector.load(model_path), tmp_path / "whole.csv", explain=True)
    assert_same(table, scored)
    for number, name in enumerate(SENSORS):
        np.testing.assert_allclose(table[f"contribution_{name}"], scored.contributions[:, number], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(table[f"expected_{name}"], scored.expected[:, number], rtol=1e-4)


def test_command_writes_a_folder_and_prints_the_table(model_path, history, tmp_path, saelite):
    done = saelite("score", model_path, history, "-o", "out", "--workers", "2", "--rows", "100:")
    assert done.returncode == 0, done.stderr
    assert "3 of 3 assets scored" in done.stdout
    assert [len(scores_of(tmp_path / "out", name)) for name in ("pump1", "pump2", "pump3")] == [100, 100, 100]
    again = saelite("score", model_path, history, "-o", "out")
    assert (again.returncode, "already holds a folder of scores" in again.stderr) == (1, True)
    other = saelite("score", model_path, history, "-o", "out", "--resume")
    assert (other.returncode, "begun with other options (settings)" in other.stderr) == (1, True)


def test_table_of_many_assets_and_a_dask_cluster_give_the_same(model_path, history, tmp_path):
    pytest.importorskip("distributed")
    frames = [pl.read_parquet(file).with_columns(unit=pl.lit(file.parent.name.partition("=")[2]))
              for file in sorted(history.glob("*/*.parquet"))]  # fmt: skip
    pl.concat(frames).sort("time", maintain_order=True).write_parquet(tmp_path / "plant.parquet", row_group_size=50)
    direct = score_fleet(model_path, history, tmp_path / "out", workers=0)
    table = score_fleet(model_path, tmp_path / "plant.parquet", tmp_path / "there", by="unit", cluster="local:1")
    for one, other in zip(direct.outcomes, table.outcomes, strict=True):
        assert replace(one, cpu_s=0) == replace(other, cpu_s=0)
        assert scores_of(direct.path, one.asset).equals(scores_of(table.path, one.asset))


def test_killed_run_is_resumed_without_doing_anything_twice(model_path, tmp_path):
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    for number in range(PUMPS):
        recording(pump_rows(30_000, number)).write_parquet(data / f"pump{number}.parquet")
    command = ["score", str(model_path), str(data), "-o", str(out), "--workers", "1"]
    started = subprocess.Popen(
        [sys.executable, "-c", "from saelite.cli import main; main()", *command],
        cwd=Path.cwd(), env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    outcomes = out / "_work" / "outcomes"
    while len(list(outcomes.glob("*.json"))) < 2:
        assert started.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    finished = {json.loads(file.read_text())["asset"] for file in outcomes.glob("*.json")}
    before = {name: (out / folder_of(name) / "scores.parquet").stat().st_mtime_ns for name in finished}
    assert 2 <= len(finished) < PUMPS
    done = run_saelite(*command, "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"{PUMPS} of {PUMPS} assets scored" in done.stdout
    assert {name: (out / folder_of(name) / "scores.parquet").stat().st_mtime_ns for name in finished} == before
    assert all(len(scores_of(out, f"pump{number}")) == 29_998 for number in range(PUMPS))
    assert not list(out.rglob("*.part"))


def test_what_cannot_be_scored_at_all_is_refused_at_once(model_path, history, tmp_path, saelite):
    with pytest.raises(UsageError, match="is not a fleet"):
        score_fleet(history, history, tmp_path / "out", workers=0)
    with pytest.raises(ModelFileError):
        score_fleet(next(history.rglob("*.parquet")), history, tmp_path / "out", workers=0)
    with pytest.raises(RecordingError, match="no such file or folder"):
        score_fleet(model_path, tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(OutputError, match="is not a folder of scores"):
        score_fleet(model_path, history, history, workers=0)
    refused = saelite("score", model_path, next(history.rglob("*.parquet")), "-o", "scores.csv", "--resume")
    assert (refused.returncode, "--format parquet" in refused.stderr) == (2, True)
