"""Benchmarks: that they work, add up and compare like with like; never how long anything takes."""

import hashlib
import re
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.benchmark_result import Benchmark, Latency, Peaks, read_benchmark
from benchmarks.contenders import Contender
from benchmarks.latency import measure, ratio_interval
from benchmarks.lineup import graph_macs
from benchmarks.report.benchmark_plot import write_plot
from benchmarks.report.benchmark_tables import all_tables, failures_table, latency_table
from benchmarks.rounds import Turns
from benchmarks.run_comparison import changes
from benchmarks.suite import Effort, run_benchmark
from benchmarks.this_machine import conditions, this_machine
from edge_runtime.errors import SaeliteError, UsageError
from saelite.cli import main

SHORT = ("--rounds", "2", "--round-s", "0.02", "--calls", "0", "--no-throughput")


def row(key, p50_us, rounds=(1.0, 1.01, 0.99), **contender):
    return Latency(
        Contender(key, f"the {key}", "detector", macs=1000, **contender),
        *(p50_us * factor for factor in (1.0, 1.2, 2.0, 1.1, 0.9)),
        calls=5000,
        round_p50_us=tuple(p50_us * factor for factor in rounds),
        n_rounds=4,
        cold_start_s=0.2,
        resident_bytes=50_000_000,
        peak_bytes=60_000_000,
    )


def benchmark(detector_us=10.0, yardstick_us=5.0):
    rows = (row("detector", detector_us, numbers="int8"), row("predict", 70_000.0), row("yardstick", yardstick_us))
    return Benchmark("pump", this_machine(), conditions(), conditions(), rows, rows[:1], Peaks(1e9, 2e9))


@pytest.fixture
def on_the_device(saelite, model_path, tmp_path):
    result = saelite("bench", model_path, *SHORT, "--json", "bench.json", "--plot", "bench.svg")
    assert result.returncode == 0, result.stderr
    return result.stdout, read_benchmark(tmp_path / "bench.json")


def test_device_alone_measures_its_rows_and_says_what_the_others_need(on_the_device, tmp_path):
    output, found = on_the_device
    assert found.latency[0].contender.key == "detector"
    assert found.row("yardstick").calls > 2
    assert "add --full RUN" in output
    assert (tmp_path / "bench.svg").read_text().startswith("<?xml")


def test_figures_of_a_real_run_add_up(on_the_device):
    _, found = on_the_device
    for it in found.latency:
        assert 0 < it.min_us <= it.p50_us <= it.p90_us <= it.p99_us
        assert it.resident_bytes <= it.peak_bytes
        assert it.cold_start_s > 0
        assert 0 < found.peaks.share(it) < 1 or found.peaks.int8 == 0


def test_published_figures_name_no_folders(on_the_device, tmp_path):
    assert str(tmp_path) not in (tmp_path / "bench.json").read_text()


def test_nothing_is_slower_than_itself(saelite, on_the_device, model_path, tmp_path):
    result = saelite("bench", model_path, *SHORT, "--compare", "bench.json")
    assert "in multiples of the yardstick's time" in result.stdout, result.stderr
    verdicts = {change.verdict for change in changes(on_the_device[1], on_the_device[1])}
    assert verdicts <= {"same", "too few rounds to tell"}
    assert {change.verdict for change in changes(benchmark(), benchmark())} == {"same"}


def test_rows_that_cannot_be_measured_say_why_and_the_others_go_on(model_path, tmp_path):
    (tmp_path / "broken.tflite").write_bytes(b"no graph")
    good = Contender("detector", "the detector", "detector", str(model_path))
    broken = Contender("graph", "a broken graph", "graph", str(tmp_path / "broken.tflite"))
    absent = Contender("onnx_int8", "an encoder for which there is no file", "onnx")
    rows, failures = measure([broken, good, absent], Turns(rounds=2, round_s=0.01, fewest_calls=30))
    assert [row.contender.key for row in rows] == ["detector"]
    assert [failure.title for failure in failures] == ["a broken graph", "an encoder for which there is no file"]
    assert "refuses the graph" in failures[0].reason
    assert "pip install 'saelite[peers]'" in failures[1].reason
    shown = str(latency_table(replace(benchmark(), failures=tuple(failures))).rows)
    assert "not measured: " in shown
    assert str(tmp_path) not in shown
    assert [row[0] for row in failures_table(replace(benchmark(), failures=tuple(failures))).rows] == [
        failure.title for failure in failures
    ]


def test_damaged_model_is_an_error_before_any_runtime_sees_it(exported, tmp_path):
    flatbuffer = exported.flatbuffer[:8] + bytes(200)
    manifest = replace(exported.manifest, flatbuffer_sha256=hashlib.sha256(flatbuffer).hexdigest())
    replace(exported, flatbuffer=flatbuffer, manifest=manifest).write(tmp_path / "pump.tflite")
    with pytest.raises(SaeliteError, match="the graph is damaged"):
        run_benchmark(tmp_path / "pump.tflite", effort=Effort(Turns(1, 0.01, 0), throughput=False))


def test_quick_look_is_short_and_says_so(saelite, model_path):
    result = saelite("bench", model_path, "--quick")
    assert result.returncode == 0, result.stderr
    assert "Throughput" not in result.stdout
    assert all(10 <= int(n) <= 20 for n in re.findall(r" of (\d+)  ", result.stdout))


def test_figures_of_another_machine_are_shown_with_a_warning(saelite, on_the_device, model_path, tmp_path):
    found = on_the_device[1]
    other = replace(found, machine=replace(found.machine, processor="Cortex-A72"))
    other.write(tmp_path / "pi.json")
    result = saelite("bench", model_path, *SHORT, "--import-full", "pi.json")
    assert "ANOTHER MACHINE, Cortex-A72" in result.stdout
    assert "do not compare its times" in result.stdout


def test_name_of_the_first_command_may_be_left_out():
    for arguments in (["none.tflite"], ["latency", "none.tflite"], ["--rounds", "1", "none.tflite"]):
        result = CliRunner().invoke(main, ["bench", *arguments])
        assert (result.exit_code, "no such file: none.tflite" in result.output) == (1, True)


def test_multiplications_in_the_file_are_those_of_network_head_and_attribution(exported, trained):
    network, spec = trained.folder.network, trained.folder.spec
    inputs, sensors, codes = spec.preprocessing.inputs, len(spec.sensors), len(network.encoder[-1].bias)
    head, attribution = (inputs + codes) ** 2, inputs * (inputs + sensors)
    expected = sum(layer.kernel.size for layer in network.encoder) + head + attribution
    assert graph_macs(exported.flatbuffer) == expected


def test_slower_is_what_became_slower_beside_the_yardstick():
    verdicts = [change.verdict for change in changes(benchmark(), benchmark(detector_us=20))]
    assert verdicts == ["slower", "same"]
    assert [change.verdict for change in changes(benchmark(), benchmark(detector_us=5))] == ["faster", "same"]
    slow_machine = benchmark(detector_us=20, yardstick_us=10)
    assert changes(benchmark(), slow_machine)[0].verdict == "same"


def test_noise_is_no_slowdown():
    noisy = replace(benchmark(), latency=(row("detector", 14, rounds=(0.5, 1, 2)), row("yardstick", 5)))
    assert changes(benchmark(), noisy)[0].verdict == "same"


def test_ratio_interval_holds_the_ratio_and_is_the_same_each_time():
    rng = np.random.default_rng(0)
    slow, fast = (row("a", level, rounds=tuple(rng.normal(1, 0.1, 9))) for level in (30.0, 10.0))
    low, high = ratio_interval(slow, fast)
    assert low < 3.0 < high
    assert (low, high) == ratio_interval(slow, fast)
    assert ratio_interval(fast, fast) == (1, 1)


def test_benchmark_comes_back_from_json_as_it_was(tmp_path):
    whole = replace(benchmark(), imported=(benchmark(detector_us=3),))
    whole.write(tmp_path / "b.json")
    again = read_benchmark(tmp_path / "b.json")
    assert [it.contender for it in again.latency] == [it.contender for it in whole.latency]
    assert again.imported[0].latency[0].p50_us == 3


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"schema": 1}', "\xff"])
def test_what_is_no_benchmark_is_refused(tmp_path, content):
    (tmp_path / "b.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(SaeliteError, match="saelite bench"):
        read_benchmark(tmp_path / "b.json")


def test_tables_show_every_figure():
    text = str([table.rows for table in all_tables(benchmark())]).replace("\\xa0", " ")
    for expected in ("the detector", "70,000.0", "7,000 x", "60", "1,000", "5 %", "3 of 4"):
        assert expected in text


@pytest.mark.parametrize("name", ["p.png", "p.svg"])
def test_plot_is_a_picture_and_the_same_each_time(tmp_path, name):
    write_plot(benchmark(), tmp_path / name)
    first = (tmp_path / name).read_bytes()
    assert len(first) > 2000
    write_plot(benchmark(), tmp_path / name)
    assert (tmp_path / name).read_bytes() == first


def test_plot_of_another_kind_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"\.png or \.svg"):
        write_plot(benchmark(), tmp_path / "p.jpg")
