"""Scores of many assets go to a bucket, served by a real S3 server on localhost, as they go to a folder."""

import io
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from command_line import run_saelite
from machines import SENSORS, pump_rows, write_csv
from s3_server import BUCKET

from edge_runtime.common.asset_names import folder_of
from edge_runtime.errors import OutputError, RecordingError
from saelite.fleet.fleet_scores import FleetScores
from saelite.fleet.scoring import score

pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'saelite[fleet]'")
pl = pytest.importorskip("polars")
PUMPS = 6


def history(folder, rows=200, pumps=3):
    """Write a recording for each pump, the pressure of each too high for a while."""
    folder.mkdir()
    for number in range(pumps):
        values = pump_rows(rows, number)
        values[rows // 2 : rows // 2 + 15, SENSORS.index("pressure")] += 40_000
        pl.DataFrame(values, schema=list(SENSORS)).write_parquet(folder / f"pump{number}.parquet")
    return folder


def read_parquet(bucket, place):
    return pl.read_parquet(io.BytesIO(bucket.cat_file(f"{BUCKET}/{place}")))


def test_scores_in_a_bucket_are_those_of_a_folder(model_path, bucket, tmp_path):
    data, url = history(tmp_path / "data"), f"s3://{BUCKET}/same"
    there = score(model_path, data, f"{url}/", workers=2)
    here = score(model_path, data, tmp_path / "out", workers=0)
    assert [replace(one, cpu_s=0) for one in there.outcomes] == [replace(one, cpu_s=0) for one in here.outcomes]
    for name in ("pump0", "pump1", "pump2"):
        assert there.scores(name) == f"{url}/{folder_of(name)}/scores.parquet"
        assert read_parquet(bucket, f"same/{folder_of(name)}/scores.parquet").equals(pl.read_parquet(here.scores(name)))
    assert read_parquet(bucket, "same/summary.parquet")["alarms"].to_list() == [one.alarms for one in here.outcomes]
    assert FleetScores.read(url).outcomes == there.outcomes
    assert sorted(bucket.ls(f"{BUCKET}/same")) == [
        f"{BUCKET}/same/{name}" for name in ("_work", "asset=pump0", "asset=pump1", "asset=pump2", "summary.parquet")
    ]


def test_killed_run_into_a_bucket_is_resumed_without_doing_anything_twice(model_path, bucket, tmp_path):
    data, url = history(tmp_path / "data", 12_000, PUMPS), f"s3://{BUCKET}/killed"
    command = ["score", str(model_path), str(data), "-o", url, "--workers", "1"]
    started = subprocess.Popen(
        [sys.executable, "-m", "saelite", *command], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    while len(finished := bucket.glob(f"{BUCKET}/killed/_work/outcomes/*.json")) < 2:
        assert started.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    parts = {place: bucket.info(place)["LastModified"] for place in scored_in(bucket)}
    assert 2 <= len(finished) <= len(parts) < PUMPS
    assert all(len(pl.read_parquet(io.BytesIO(bucket.cat_file(place)))) == 11_998 for place in parts)
    done = run_saelite(*command, "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"{PUMPS} of {PUMPS} assets scored" in done.stdout
    vouched = {place.rpartition("/")[2].removesuffix(".json") for place in finished}
    for place, written in parts.items():
        is_known = place.split("/")[-2] in vouched
        assert (bucket.info(place)["LastModified"] == written) >= is_known
    assert len(scored_in(bucket)) == PUMPS


def scored_in(bucket):
    return bucket.glob(f"{BUCKET}/killed/asset=*/scores.parquet")


def test_scores_of_an_attempt_before_go_when_their_asset_fails(model_path, bucket, tmp_path):
    data, url = history(tmp_path / "data", pumps=2), f"s3://{BUCKET}/failed"
    score(model_path, data, url, workers=0)
    bucket.rm(f"{BUCKET}/failed/_work/outcomes/asset=pump1.json")
    (data / "pump1.parquet").write_bytes(b"PAR1 is not enough")
    found = score(model_path, data, url, workers=0, resume=True)
    assert [one.status for one in found.outcomes] == ["scored", "failed"]
    assert not bucket.exists(f"{BUCKET}/failed/asset=pump1/scores.parquet")


def test_what_is_there_already_is_not_written_over(model_path, bucket, tmp_path):
    data, url = history(tmp_path / "data", pumps=1), f"s3://{BUCKET}/there"
    bucket.pipe_file(f"{BUCKET}/there/notes.txt", b"mine")
    with pytest.raises(OutputError, match="is not a folder of scores"):
        score(model_path, data, url, workers=0)
    bucket.rm(f"{BUCKET}/there/notes.txt")
    score(model_path, data, url, workers=0)
    with pytest.raises(OutputError, match="already holds a folder of scores"):
        score(model_path, data, url, workers=0)
    with pytest.raises(OutputError, match=r"begun with other options \(settings\)"):
        score(model_path, data, url, workers=0, resume=True, explain=True)


def test_a_bucket_that_is_not_there_is_said(model_path, bucket, tmp_path):
    data = history(tmp_path / "data", pumps=1)
    with pytest.raises(OutputError, match="cannot write s3://no-such-bucket/scores"):
        score(model_path, data, "s3://no-such-bucket/scores", workers=0)
    with pytest.raises(RecordingError, match="holds no scores"):
        FleetScores.read(f"s3://{BUCKET}/none")


def test_one_csv_goes_to_a_url(model_path, bucket, tmp_path, saelite):
    write_csv(tmp_path / "log.csv", pump_rows(50))
    done = saelite("score", model_path, "log.csv", "-o", f"s3://{BUCKET}/csv/scores.csv")
    assert done.returncode == 0, done.stderr
    saelite("score", model_path, "log.csv", "-o", "scores.csv")
    assert bucket.cat_file(f"{BUCKET}/csv/scores.csv") == (tmp_path / "scores.csv").read_bytes()
