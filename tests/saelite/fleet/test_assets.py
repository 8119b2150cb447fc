"""DATA in all its forms becomes assets, each of which reads its own rows."""

import gzip

import numpy as np
import pytest
from machines import SENSORS, pump_rows, write_csv

from edge_runtime.common.asset_names import folder_of
from edge_runtime.errors import RecordingError
from saelite.fleet.assets import find_assets
from training.settings import Selection

pl = pytest.importorskip("polars")
NAMES = ("pump 1", "line/2: é", "10%")


def rows_of(asset):
    return asset.read(Selection()).values


def table_of(rows):
    """Return a table with the rows of several assets in turn, as a historian writes them."""
    return pl.DataFrame(
        [
            {"time": number, "unit": name, **dict(zip(SENSORS, map(float, values[number]), strict=True))}
            for number in range(len(rows[NAMES[0]]))
            for name, values in rows.items()
        ]
    )


@pytest.fixture
def rows():
    return {name: pump_rows(50, seed) for seed, name in enumerate(NAMES)}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_table_is_split_by_its_column_with_rows_in_order(tmp_path, rows, suffix):
    file = tmp_path / f"plant{suffix}"
    getattr(table_of(rows), f"write_{suffix[1:]}")(file)
    assets = find_assets(str(file), "unit", tmp_path / "rows")
    assert {one.name for one in assets} == set(NAMES)
    for one in assets:
        recording = one.read(Selection())
        np.testing.assert_allclose(recording.values, rows[one.name], rtol=1e-5)
        assert recording.sensors == SENSORS
        assert (recording.name, recording.starts) == (one.name, (0,))


def test_table_of_more_assets_than_open_files_keeps_each_asset_in_one_piece(tmp_path):
    count, each = 300, 40
    numbers = np.arange(count * each)
    pl.DataFrame({"asset": [f"m{number % count}" for number in numbers], "x": numbers.astype(float)}).write_csv(
        tmp_path / "plant.csv"
    )
    assets = find_assets(str(tmp_path / "plant.csv"), "asset", tmp_path / "rows")
    assert len(assets) == count
    for one in assets:
        (file,) = one.files
        assert rows_of(one)[:, 0].tolist() == list(range(int(one.name[1:]), count * each, count)), file


def test_split_keeps_text_as_it_was(tmp_path):
    (tmp_path / "plant.csv").write_text("time;unit;flow\n0;a;1,5\n1;b;2,5\n2;a;\n3;a;3,5\n4;;9\n")
    assets = find_assets(str(tmp_path / "plant.csv"), "unit", tmp_path / "rows")
    assert [one.name for one in assets] == ["a", "b"]
    recording = assets[0].read(Selection())
    assert recording.values[:, 0].tolist() == [1.5, 3.5]
    assert recording.skipped == 1


def test_finished_split_is_used_again_and_an_unfinished_one_is_not(tmp_path, rows):
    file, parts = tmp_path / "plant.csv", tmp_path / "rows"
    table_of(rows).write_csv(file)
    first = find_assets(str(file), "unit", parts)
    made = (parts / "split.json").stat().st_mtime_ns
    assert find_assets(str(file), "unit", parts) == first
    assert (parts / "split.json").stat().st_mtime_ns == made
    (parts / "split.json").unlink()
    (parts / folder_of("left over")).mkdir()
    (parts / folder_of("left over") / "rows.csv").write_text("x\n1\n")
    assert find_assets(str(file), "unit", parts) == first


def test_folder_of_files_is_an_asset_each_by_the_names_of_the_files(tmp_path):
    for number, name in enumerate(("pump.1.csv", "pump.2.csv")):
        write_csv(tmp_path / name, pump_rows(30, number))
    (tmp_path / "pump10.csv.gz").write_bytes(gzip.compress((tmp_path / "pump.1.csv").read_bytes()))
    (tmp_path / "notes.md").write_text("no recording")
    assets = find_assets(str(tmp_path), "asset", tmp_path / "rows")
    assert [one.name for one in assets] == ["pump.1", "pump.2", "pump10"]
    np.testing.assert_array_equal(rows_of(assets[0]), rows_of(assets[2]))
    assert not (tmp_path / "rows").exists()


def test_folder_of_files_with_the_column_is_one_table(tmp_path, rows):
    whole = table_of(rows)
    for number in range(3):
        whole[50 * number : 50 * (number + 1)].write_csv(tmp_path / f"day{number}.csv")
    assets = find_assets(str(tmp_path), "unit", tmp_path / "out" / "rows")
    assert {one.name for one in assets} == set(NAMES)
    for one in assets:
        np.testing.assert_allclose(rows_of(one), rows[one.name], rtol=1e-5)


def test_hive_partitions_are_assets_with_all_files_within(tmp_path, rows):
    for name, values in rows.items():
        for day, part in enumerate(np.split(values, 2)):
            folder = tmp_path / folder_of(name, "unit") / f"day={day}"
            folder.mkdir(parents=True)
            pl.DataFrame(part, schema=list(SENSORS)).write_parquet(folder / "0.parquet")
    (tmp_path / "_SUCCESS.csv").write_text("x\n1\n")
    assets = find_assets(str(tmp_path), "unit", tmp_path / "rows")
    assert {one.name for one in assets} == set(NAMES)
    for one in assets:
        recording = one.read(Selection())
        np.testing.assert_array_equal(recording.values, rows[one.name])
        assert recording.starts == (0, 25)


def test_folder_of_folders_is_an_asset_each(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(2):
            write_csv(tmp_path / name / f"{number}.csv", pump_rows(30, number))
    assets = find_assets(str(tmp_path), "asset", tmp_path / "rows")
    assert [(one.name, len(one.files)) for one in assets] == [("a", 2), ("b", 2)]
    assert len(rows_of(assets[0])) == 60


def test_two_assets_of_one_name_are_refused(tmp_path):
    write_csv(tmp_path / "pump.csv", pump_rows(30))
    write_csv(tmp_path / "pump.txt", pump_rows(30))
    with pytest.raises(RecordingError, match=r"two assets have the name pump: .*pump\.csv, .*pump\.txt"):
        find_assets(str(tmp_path), "asset", tmp_path / "rows")


def test_files_beside_folders_are_refused(tmp_path):
    write_csv(tmp_path / "pump.csv", pump_rows(30))
    (tmp_path / "a").mkdir()
    write_csv(tmp_path / "a" / "x.csv", pump_rows(30))
    with pytest.raises(RecordingError, match=r"both files \(pump"):
        find_assets(str(tmp_path), "asset", tmp_path / "rows")


def test_missing_column_is_named_with_those_that_are_there(tmp_path):
    write_csv(tmp_path / "plant.csv", pump_rows(30))
    with pytest.raises(RecordingError, match=r"no column 'asset', which names the asset\. Columns there: flow"):
        find_assets(str(tmp_path / "plant.csv"), "asset", tmp_path / "rows")


def test_nothing_there_is_said(tmp_path):
    with pytest.raises(RecordingError, match="no such file or folder"):
        find_assets(str(tmp_path / "none"), "asset", tmp_path / "rows")
