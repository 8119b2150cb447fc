"""The page of benchmarks says what its committed figures say, reached or not."""

import json

from generate_benchmarks import FIGURES, PAGE, PLOT, page

from benchmarks.peers.result import read_peers
from benchmarks.result import read_benchmark


def committed():
    boards = json.loads((FIGURES / "arm.json").read_text(encoding="utf-8"))
    return read_benchmark(FIGURES / "benchmark.json"), read_peers(FIGURES / "peers.json"), boards


def test_page_says_what_the_figures_say():
    assert PAGE.read_text(encoding="utf-8") == page(*committed()), "write it anew with: make docs"


def test_page_shows_every_row_and_the_machine():
    benchmark, peers, _ = committed()
    text = PAGE.read_text(encoding="utf-8")
    for title in [row.contender.title for row in benchmark.latency] + [row.title for row in peers.rows]:
        assert f"| {title} |" in text
    assert benchmark.machine.processor in text
    assert benchmark.machine.date in text
    assert PLOT.read_bytes().startswith(b"<?xml")


def test_aims_are_judged_by_their_own_figures():
    benchmark, *_ = committed()
    detector, predict = benchmark.row("detector"), benchmark.row("predict")
    verdict = "reached" if predict.p50_us / detector.p50_us >= 1000 else "not reached"
    line = next(
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if "`predict`" in line and "1,000" in line
    )
    assert line.endswith(f"| {verdict} |")


def test_boards_agree_with_this_kind_of_machine():
    *_, boards = committed()
    assert "arm64" in {board["board"] for board in boards}
    for board in boards:
        assert board["stream_alarms"] == board["batch_alarms"] == 0
        assert max(board["single_steps"], board["batch_steps"]) <= 1


def test_install_on_a_board_is_small():
    *_, boards = committed()
    base = next(board for board in boards if (board["board"], board["runtime"]) == ("arm64", "tflite-runtime"))
    assert base["wheels_bytes"] + base["ours_bytes"] <= 60e6
