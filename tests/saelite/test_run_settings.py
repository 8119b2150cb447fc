"""One list of options of a run: what a field says is what the command line goes by."""

from dataclasses import fields, is_dataclass
from pathlib import Path

import click
import pytest
from changed_settings import changed_settings
from click.testing import CliRunner

from edge_runtime.common.setting import all_settings, made, settings_of, value_of
from edge_runtime.errors import UsageError
from edge_runtime.running.settings import MachineSettings
from edge_runtime.streaming.monitor_settings import MonitorSettings
from saelite.cli import main
from saelite.commands.report import report
from saelite.commands.run import run
from saelite.commands.score import score
from saelite.setting_options import words_of

MODEL_AND_SOURCE = {"model": Path("pump.tflite"), "source": "host"}


CHANGED = changed_settings()


def parsed(words):
    """Return the settings that `saelite run` gets for the words of a command line."""
    # click keeps the help option of the first context: that of `saelite` must be it.
    context = run.make_context("run", list(words), parent=click.Context(main, **main.context_settings))
    return made(MachineSettings, context.params)


def test_command_line_says_every_setting_of_a_run_exactly():
    for one in all_settings(MachineSettings):
        assert value_of(CHANGED, one.name) != one.default, f"{one.name} is tried with another value"
    assert parsed(words_of(CHANGED)) == CHANGED
    plain = made(MachineSettings, MODEL_AND_SOURCE)
    assert words_of(plain) == ["pump.tflite", "--source", "host"]
    assert parsed(words_of(plain)) == plain


def test_no_setting_of_a_run_has_the_name_of_another():
    names = [one.name for one in all_settings(MachineSettings)]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("command", [run, score, report])
def test_commands_that_watch_readings_have_the_same_words_for_the_same_settings(command):
    options = {option.name: option for option in command.params}
    shared = [one for one in all_settings(MonitorSettings) if one.name in options]
    assert len(shared) >= len(all_settings(MonitorSettings, ("adaptation", "stuck_after")))
    for one in shared:
        assert options[one.name].opts == [f"--{one.word}"]
        assert options[one.name].help == one.text


def test_every_part_of_the_settings_is_documented():
    text = MachineSettings.__doc__
    for one in fields(CHANGED):
        assert f"{one.name} : " in text
        if is_dataclass(getattr(CHANGED, one.name)):
            part = type(getattr(CHANGED, one.name))
            assert all(f"{inner.name} : " in part.__doc__ for inner in settings_of(part))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--min-duration", "soon"], "expected a time span, such as 90s, 25m, 2h or 1w. Received: 'soon'"),
        (["--state-interval", "0"], "Received: '0'"),
        (["--stuck-after", "-1"], "-1 is not in the range x>=0"),
        (["--mean-ceiling", "-1"], "-1.0 is not in the range x>=0"),
    ],
)
def test_invalid_options_are_refused_with_what_was_expected(words, complaint):
    result = CliRunner().invoke(main, ["run", "pump.tflite", "--source", "host", *words])
    assert result.exit_code == 2
    assert complaint in " ".join(result.output.split())


def test_a_value_of_another_length_is_refused():
    with pytest.raises(UsageError, match="debounce: expected 2 whole numbers"):
        made(MachineSettings, MODEL_AND_SOURCE | {"debounce": (1, 2, 3)})
