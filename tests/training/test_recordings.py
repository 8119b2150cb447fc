"""Recordings of every format, in bounded memory, cut so that no window reaches where it must not."""

import gzip
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from machines import SENSORS, pump_rows, write_csv

from edge_runtime.errors import ModelFileError, RecordingError
from edge_runtime.tables.open_table import open_table
from edge_runtime.tables.time_text import seconds
from training.pipeline import train
from training.recordings import Columns, Recording, read_recording
from training.recordings import store as store_module
from training.recordings.store import RowStore, blocks_of
from training.recordings.stretches import split
from training.settings import DetectorSettings

ROWS = pump_rows(300)


def write(folder, form):
    """Write the pump's rows in one of the formats."""
    path = folder / f"pump.{form}"
    if form == "npy":
        np.save(path, ROWS)
    elif form == "npz":
        np.savez(path, values=ROWS, sensors=SENSORS, anomaly=np.zeros(len(ROWS)))
    elif form == "parquet":
        pl.DataFrame(dict(zip(SENSORS, ROWS.T, strict=True))).write_parquet(path)
    elif form == "csv.gz":
        path.write_bytes(gzip.compress(write_csv(folder / "plain", ROWS).read_bytes()))
    else:
        write_csv(path, ROWS)
    return path


def write_wav(path, samples, rate=16_000, width=2):
    samples = np.atleast_2d(np.asarray(samples).T).T
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        whole = np.rint(samples * (2 ** (8 * width - 1) - 1)).astype("<i4")
        data = whole.astype("<i4").tobytes()
        file.writeframes(b"".join(data[start : start + width] for start in range(0, len(data), 4)))
    return path


@pytest.mark.parametrize("form", ["csv", "csv.gz", "tsv", "parquet", "npy", "npz"])
def test_every_format_gives_the_same_rows(tmp_path, form):
    recording = read_recording(write(tmp_path, form))
    np.testing.assert_array_equal(recording.values, ROWS)
    assert recording.values.dtype == np.float32
    assert recording.name == "pump"
    assert recording.sensors == (SENSORS if form != "npy" else ("sensor0", "sensor1", "sensor2", "sensor3"))


@pytest.mark.parametrize("width", [2, 3, 4])
def test_sound_comes_as_channels_from_minus_one_to_one(tmp_path, width):
    samples = np.sin(np.arange(500) / 9)[:, None] * [0.5, -1.0]
    recording = read_recording(write_wav(tmp_path / "pump.wav", samples, width=width))
    assert recording.sensors == ("left", "right")
    np.testing.assert_allclose(recording.values, samples, atol=2.0 ** (2 - 8 * width) + 1e-6)


@pytest.mark.parametrize("limit", [0, 1000, 4799, 4801])
def test_rows_on_disk_are_the_rows_in_memory(tmp_path, limit):
    store = RowStore(4, memory_bytes=limit)
    for block in np.array_split(ROWS, 7):
        store.append(block)
    np.testing.assert_array_equal(store.array(), ROWS)
    assert isinstance(store.array(), np.memmap) == (limit < ROWS.nbytes)


def test_recording_on_disk_trains_on_the_windows_of_one_in_memory(tmp_path, monkeypatch):
    path = write_csv(tmp_path / "pump.csv", ROWS)
    in_memory = read_recording(path)
    monkeypatch.setattr(store_module, "_MEMORY_BYTES", 100)
    monkeypatch.setattr(RowStore.__init__, "__defaults__", (100,))
    on_disk = read_recording(path)
    assert isinstance(on_disk.values, np.memmap)
    for one, other in zip(split(on_disk, 3, 1, 0.25), split(in_memory, 3, 1, 0.25), strict=True):
        np.testing.assert_array_equal(one.sample(10**9, None), other.sample(10**9, None))
    np.testing.assert_array_equal(on_disk.without(["flow"]).values, ROWS[:, 1:])


def test_npy_is_mapped_and_not_copied(tmp_path):
    assert isinstance(read_recording(write(tmp_path, "npy")).values, np.memmap)


def test_blocks_cover_all_rows():
    np.testing.assert_array_equal(np.concatenate(list(blocks_of(ROWS, 3, 250))), ROWS[3:250])


def test_files_of_a_folder_follow_their_numbers_and_share_no_window(tmp_path):
    for number in (10, 9, 1):
        write_csv(tmp_path / f"run{number}.csv", np.full((20, 1), number) + np.arange(20)[:, None] / 100, ["a"])
    (tmp_path / "notes.md").write_text("no recording")
    recording = read_recording(tmp_path)
    assert recording.starts == (0, 20, 40)
    assert recording.values[[0, 20, 40], 0].tolist() == [1, 9, 10]
    for part, first in zip(split(recording, 4, 1, 0.25), (0, 15), strict=True):
        windows = part.sample(10**6, np.random.default_rng(0))[:, :, 0]
        assert (np.floor(windows) == np.floor(windows[:, :1])).all()
        assert np.rint(windows % 1 * 100).min() == first


def test_files_without_the_sensors_of_the_first_are_named(tmp_path):
    write_csv(tmp_path / "a.csv", ROWS)
    write_csv(tmp_path / "b.csv", ROWS[:, :3], SENSORS[:3])
    with pytest.raises(RecordingError, match=r"b.csv lacks vibration, which .*a.csv has"):
        read_recording(tmp_path)


def test_sound_of_two_rates_is_refused(tmp_path):
    write_wav(tmp_path / "a.wav", np.zeros(100), rate=16_000)
    write_wav(tmp_path / "b.wav", np.zeros(100), rate=8_000)
    with pytest.raises(RecordingError, match=r"b.wav has 8000 samples per second, .*a.wav has 16000"):
        read_recording(tmp_path)


def test_empty_folder_is_no_recording(tmp_path):
    with pytest.raises(RecordingError, match="holds no recordings"):
        read_recording(tmp_path)


def test_training_from_standard_input_is_refused():
    with pytest.raises(RecordingError, match="Save the rows into a file first"):
        read_recording(Path("-"))


def test_label_is_read_and_kept_out(tmp_path):
    path = write_csv(tmp_path / "pump.csv", ROWS, anomaly=[int(number > 250) for number in range(300)])
    recording = read_recording(path, rows=slice(200, 300))
    assert recording.kept_out == ("anomaly",)
    assert recording.labels.sum() == 49
    assert read_recording(path, Columns(label="flow")).sensors == SENSORS[1:]


@pytest.mark.parametrize(
    "text", ["a;b\n1,5;2\n\n3; 4\n", 'a,b\n"1.5","2"\n3,4\n', "a,b\n 1.5 ,2\n3,4", "a\tb\r\n1.5\t2\r\n3\t4\r\n"]
)
def test_workstation_reads_csv_as_the_device_does(tmp_path, text):
    path = tmp_path / "r.csv"
    path.write_bytes(text.encode())
    with open_table(path) as table:
        expected = np.concatenate([block.values for block in table.blocks(["a", "b"])])
    np.testing.assert_array_equal(read_recording(path).values, expected)


@pytest.mark.parametrize("cell", ["", "NA", "nan", "null", "None", "-", "inf", "-inf", "1e39"])
def test_missing_values_of_any_spelling_are_skipped_unless_told_otherwise(tmp_path, cell):
    path = tmp_path / "r.csv"
    path.write_text(f"a,b\n1,2\n{cell},3\n4,5\n")
    skipped = read_recording(path)
    assert (skipped.values.tolist(), skipped.skipped, skipped.repaired) == ([[1, 2], [4, 5]], 1, 0)
    with pytest.raises(RecordingError, match=r"line 3: sensor 'a' has no value"):
        read_recording(path, on_missing="error")
    for policy, value in (("hold", 1.0), ("interpolate", 2.5)):
        repaired = read_recording(path, on_missing=policy)
        assert repaired.values.tolist() == [[1, 2], [value, 3], [4, 5]]
        assert (repaired.skipped, repaired.repaired) == (0, 1)


def test_a_word_among_numbers_is_named_with_its_line_and_left_out(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("a,b\n" + "1,2\n" * 20_000 + "1,much\n")
    recording = read_recording(path)
    assert (len(recording.values), recording.skipped) == (20_000, 1)
    assert "line 20002: column 'b': expected a number. Received: 'much'" in recording.notes[0]


def test_a_column_of_words_is_refused(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("a,b\n1,wet\n2,dry\n")
    with pytest.raises(RecordingError, match=r"line 2: column 'b': expected a number. Received: 'wet'.*--exclude"):
        read_recording(path)


def test_labels_wait_with_the_readings_that_wait_for_a_value(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("a,label\n1,0\n,1\n,1\n4,0\n")
    recording = read_recording(path, on_missing="interpolate")
    assert recording.values.ravel().tolist() == [1, 2, 3, 4]
    assert recording.labels.tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": np.zeros(3), "b": np.zeros(4)}, "have \\[3, 4\\] rows"),
        ({"values": np.zeros((3, 2)), "sensors": np.array(["a", "a"])}, "2 different names"),
        ({"a": np.zeros((2, 2, 2))}, "shape \\(2, 2, 2\\)"),
        ({"a": np.array(["x", "y"])}, "expected real numbers"),
        ({"a": np.array([1, None])}, "Python objects"),
    ],
)
def test_arrays_that_are_no_recording_say_why(tmp_path, content, message):
    np.savez(tmp_path / "r.npz", **content)
    with pytest.raises(RecordingError, match=message):
        read_recording(tmp_path / "r.npz")


@pytest.mark.parametrize("form", ["npy", "npz", "parquet", "wav"])
def test_truncated_files_are_refused_in_one_sentence(tmp_path, form):
    path = write(tmp_path, form) if form != "wav" else write_wav(tmp_path / "pump.wav", np.zeros(100))
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(RecordingError, match="cannot read"):
        read_recording(path)


def with_times(path, times):
    return write_csv(path, ROWS[: len(times)], time=times)


def test_no_window_reaches_over_a_gap_or_a_step_back(tmp_path):
    times = [*range(100), *range(1000, 1050), *range(900, 950), *range(950, 1050)]
    recording = read_recording(with_times(tmp_path / "r.csv", times))
    assert recording.breaks == (100, 150)
    assert "1 gap in time: no window spans it" in recording.notes[0]
    assert "1 step back in time: no window spans it" in recording.notes[1]
    train, held_out = split(recording, 60, 1, 0.25)
    assert (len(train), len(held_out)) == (41 + 16, 16)


def test_rows_in_disorder_are_refused(tmp_path):
    times = np.random.default_rng(0).permutation(300)
    with pytest.raises(RecordingError, match=r"not in order of time: time goes back at .* Sort the file"):
        read_recording(with_times(tmp_path / "r.csv", times))


def test_repeated_times_are_kept_and_told(tmp_path):
    recording = read_recording(with_times(tmp_path / "r.csv", np.arange(300) // 2))
    assert len(recording.values) == 300
    assert recording.notes == ("150 rows repeat the time of the row before: kept",)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1", "2.5"], [1, 2.5]),
        (["2024-01-01 00:00:00", "2024-01-01 00:00:01.250"], [1704067200, 1704067201.25]),
        (["2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00"], [1704067200, 1704067200]),
        (["01.01.2024 00:00:00", ""], [1704067200, np.nan]),
        (["soon", "later"], [np.nan, np.nan]),
    ],
)
def test_times_are_read_as_people_write_them(texts, expected):
    np.testing.assert_array_equal(seconds(texts), expected)


def test_scores_of_a_recording_with_a_gap_start_anew_after_it(saelite, model_path, tmp_path):
    times = [*range(50), *range(1000, 1050)]
    result = saelite("score", model_path, with_times(tmp_path / "r.csv", times), "-o", "s.csv")
    assert "96 windows scored" in result.stdout, result.stderr
    assert "1 jump in time" in result.stdout
    rows = [int(line.split(",")[0]) for line in (tmp_path / "s.csv").read_text().splitlines()[1:]]
    assert rows == [*range(2, 50), *range(52, 100)]


def test_scoring_takes_the_formats_that_training_takes(saelite, model_path, tmp_path):
    for form in ("csv", "npz", "parquet"):
        assert saelite("score", model_path, write(tmp_path, form), "-o", f"{form}.scores").returncode == 0
    assert len({(tmp_path / f"{form}.scores").read_text() for form in ("csv", "npz", "parquet")}) == 1


def test_weights_that_are_no_numbers_are_never_saved(trained, tmp_path):
    first, *others = trained.folder.network.encoder
    network = replace(trained.folder.network, encoder=(replace(first, bias=first.bias * np.float32(np.nan)), *others))
    with pytest.raises(ModelFileError, match=r"not finite: encoder_0_bias. Nothing was saved"):
        replace(trained, folder=replace(trained.folder, network=network)).save(tmp_path / "run")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("columns", [1, 2000])
def test_one_sensor_and_two_thousand_are_learnt(columns, tmp_path):
    rows = np.random.default_rng(0).normal(size=(300, columns)).astype(np.float32)
    settings = DetectorSettings(code_size=4, head="t2", epochs=1)
    assert len(train(Recording("r", tuple(map(str, range(columns))), rows), settings).folder.spec.sensors) == columns


def test_mixed_dtypes_are_numbers_and_text_is_named(tmp_path):
    frame = pl.DataFrame({"whole": [1, 2], "half": [0.5, 1.5], "on": [True, False], "word": ["a", "b"]})
    frame.write_parquet(tmp_path / "r.parquet")
    with pytest.raises(RecordingError, match=r"column 'word': expected numbers. Received: String"):
        read_recording(tmp_path / "r.parquet")
    recording = read_recording(tmp_path / "r.parquet", Columns(exclude=("word",)))
    assert recording.values.tolist() == [[1, 0.5, 1], [2, 1.5, 0]]


def test_labels_that_are_all_normal_are_read_as_such(tmp_path):
    recording = read_recording(write_csv(tmp_path / "r.csv", ROWS, label=["normal"] * 300))
    assert not recording.labels.any()


def test_missing_values_are_named_by_the_line_of_the_file_blank_lines_and_all(tmp_path):
    (tmp_path / "r.csv").write_text("a,b\n1,2\n\n1,\n")
    with pytest.raises(RecordingError, match="line 4: sensor 'b' has no value"):
        read_recording(tmp_path / "r.csv", on_missing="error")
