"""The page of benchmarks says what its committed figures say, reached or not."""

from generate_benchmarks import PAGE, PLOT, committed, page


def test_page_says_what_the_figures_say():
    assert PAGE.read_text(encoding="utf-8") == page(committed()), "write it again with: make docs"


def test_page_shows_every_row_and_the_machine():
    figures = committed()
    benchmark, peers = figures.benchmark, figures.peers
    text = PAGE.read_text(encoding="utf-8")
    for title in [row.contender.title for row in benchmark.latency] + [row.title for row in peers.rows]:
        assert f"| {title} |" in text
    assert benchmark.machine.processor in text
    assert benchmark.machine.date in text
    assert PLOT.read_bytes().startswith(b"<?xml")


def test_aims_are_judged_by_their_own_figures():
    benchmark = committed().benchmark
    detector, predict = benchmark.row("detector"), benchmark.row("predict")
    verdict = "reached" if predict.p50_us / detector.p50_us >= 1000 else "not reached"
    line = next(
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if "`predict`" in line and "1,000" in line
    )
    assert line.endswith(f"| {verdict} |")


def test_boards_agree_with_this_kind_of_machine():
    boards = committed().boards
    assert "arm64" in {board["board"] for board in boards}
    for board in boards:
        assert board["stream_alarms"] == board["batch_alarms"] == 0
        assert max(board["single_steps"], board["batch_steps"]) <= 1


def test_install_on_a_board_is_small():
    boards = committed().boards
    base = next(board for board in boards if (board["board"], board["runtime"]) == ("arm64", "tflite-runtime"))
    assert base["wheels_bytes"] + base["ours_bytes"] <= 60e6


def test_learning_is_faster_than_the_peers_and_no_worse():
    both = committed().fits.together
    assert both.ours_s <= both.pyod_s / 4
    assert both.ours_roc_auc >= both.pyod_roc_auc
