"""Assets in a bucket, served by a real S3 server on localhost, and at other URLs."""

import sys

import numpy as np
import pytest
from fleet_tasks import Reads
from machines import pump_rows, write_csv
from s3_server import BUCKET

from edge_runtime.common.asset_names import folder_of
from edge_runtime.errors import RecordingError
from saelite.fleet.assets import find_assets
from saelite.fleet.executors import chunked, every_result, executor_for
from training.settings import Selection

pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'saelite[fleet]'")
pl = pytest.importorskip("polars")


def upload(files, path, place):
    files.put_file(str(path), f"{BUCKET}/{place}")


def test_files_in_a_bucket_are_assets(bucket, tmp_path):
    for number in range(3):
        upload(bucket, write_csv(tmp_path / f"pump{number}.csv", pump_rows(40, number)), f"files/pump{number}.csv")
    assets = find_assets(f"s3://{BUCKET}/files", "asset", tmp_path / "rows")
    assert [one.name for one in assets] == ["pump0", "pump1", "pump2"]
    np.testing.assert_allclose(assets[1].read(Selection()).values, pump_rows(40, 1), rtol=1e-6)


def test_partitions_in_a_bucket_are_assets(bucket, tmp_path):
    for number, name in enumerate(("a/b", "c")):
        for part in range(2):
            pl.DataFrame(pump_rows(20, 2 * number + part), schema=["w", "x", "y", "z"]).write_parquet(tmp_path / "part")
            upload(bucket, tmp_path / "part", f"lake/{folder_of(name, 'unit')}/{part}.parquet")
    assets = find_assets(f"s3://{BUCKET}/lake/", "unit", tmp_path / "rows")
    assert [one.name for one in assets] == ["a/b", "c"]
    recording = assets[0].read(Selection())
    np.testing.assert_array_equal(recording.values, np.concatenate([pump_rows(20, 0), pump_rows(20, 1)]))
    assert recording.starts == (0, 20)


def test_table_in_a_bucket_is_fetched_once_and_split_here(bucket, tmp_path):
    pl.DataFrame({"asset": ["a", "b"] * 20, "x": np.arange(40.0)}).write_csv(tmp_path / "plant.csv")
    upload(bucket, tmp_path / "plant.csv", "tables/plant.csv")
    assets = find_assets(f"s3://{BUCKET}/tables/plant.csv", "asset", tmp_path / "rows")
    assert assets[1].read(Selection()).values[:, 0].tolist() == list(range(1, 40, 2))
    assert assets[1].files == (str(tmp_path / "rows" / "asset=b" / "rows.csv"),)


def test_workers_fetch_what_they_work_on(bucket, tmp_path):
    for number in range(4):
        upload(bucket, write_csv(tmp_path / f"{number}.csv", pump_rows(30 + number)), f"few/{number}.csv")
    assets = find_assets(f"s3://{BUCKET}/few", "asset", tmp_path / "rows")
    with executor_for(workers=2) as executor:
        found = {one.name: rows for one, rows in every_result(executor, Reads(), chunked(assets, 1))}
    assert found == {str(number): 30 + number for number in range(4)}


def test_nothing_in_a_bucket_is_said(bucket, tmp_path):
    with pytest.raises(RecordingError, match=rf"nothing at s3://{BUCKET}/none"):
        find_assets(f"s3://{BUCKET}/none", "asset", tmp_path / "rows")


def test_bucket_that_cannot_be_read_is_said(bucket, tmp_path):
    with pytest.raises(RecordingError, match=r"cannot read s3://no-such-bucket|nothing at s3://no-such-bucket"):
        find_assets("s3://no-such-bucket/pumps", "asset", tmp_path / "rows")


def test_package_for_a_kind_of_url_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(RecordingError, match=r"cannot read gs://plant/pumps: .*gcsfs"):
        find_assets("gs://plant/pumps", "asset", tmp_path / "rows")


def test_kind_of_url_that_nobody_knows_is_refused(tmp_path):
    with pytest.raises(RecordingError, match="Expected a URL such as s3://bucket/folder"):
        find_assets("gopher://plant/pumps", "asset", tmp_path / "rows")
