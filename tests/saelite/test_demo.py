"""The demo runs what a user would type, without an option that is not a file or rows, and shows what came of it."""

import csv
import re

import pytest
from command_line import run_saelite

from benchmarks.whole_loop import COMMANDS, NORMAL_ROWS


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    result = run_saelite("demo", "-o", "demo", cwd=folder)
    assert result.returncode == 0, result.stderr
    return result.stdout, folder / "demo"


def test_no_option_says_how_to_detect():
    options = {word for words in COMMANDS for word in words if word.startswith("-")}
    assert options <= {"--rows", "-o", "--overwrite", "--full"}


def test_each_command_is_shown_before_what_it_says(shown):
    out, _ = shown
    places = [out.index(f"$ saelite {words[0]} ") for words in COMMANDS]
    assert places == sorted(places)
    assert places[2] < out.index("windows scored") < places[3]


def test_alarms_are_counted_per_hour_and_false_ones_named(shown):
    out, _ = shown
    assert re.search(r"\d+ alarms in 21\.8 minutes \([\d.]+ an hour", out)
    assert re.search(r"\d+ of them in normal work", " ".join(out.split()))


def test_most_faults_raise_an_alarm_and_only_what_was_not_learnt_is_scored(shown):
    out, folder = shown
    found = re.search(r"alarmed in (\d+) of 12 labelled faults", " ".join(out.split()))
    assert int(found[1]) >= 8
    with (folder / "scores.csv").open() as file:
        rows = [int(row["row"]) for row in csv.DictReader(file)]
    assert min(rows) >= NORMAL_ROWS


def test_file_is_compared_with_the_full_model_in_float32_and_sizes_with_their_like(shown):
    page = (shown[1] / "report.html").read_text()
    assert "full model, float32 TFLite" in page
    for holds in ("scaling, network and score", "network alone"):
        assert len(re.findall(f"<td[^>]*>{holds}</td>", page)) == 2
