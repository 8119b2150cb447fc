"""One list of options: what a field says is what the command line, the checks and the models go by."""

import inspect
from dataclasses import dataclass, fields, replace

import click
import pytest
from click.testing import CliRunner

from edge_runtime.common.setting import Range, conform, setting, settings_of
from edge_runtime.errors import UsageError
from saelite.commands.train import train
from saelite.commands.tune import tune
from saelite.setting_options import settings_options, words_of
from training import SparseAutoencoder
from training.settings import NETWORK, DetectorSettings, Selection, names_of, searched

CHANGED = DetectorSettings(
    constant_policy="error", duplicate_policy="keep", counter_policy="error", drift_policy="drop",
    units=("a=°C",), scaling="robust", features=("mean", "std"), bands=4, window=8, stride=2, preset="tiny",
    code_size=7, hidden=(),
    rho=0.123456789012345, alpha=1e-7, penalty="l1", momentum=0.5, code_activation="relu", tied=True, noise=0.1,
    head="t2", smoothing_span=5, mean_rate=0.25, scale_rate=0.125, batch_size=17, learning_rate=0.1 + 0.2, decay=False,
    weight_decay=1e-4, epochs=0, patience=3, validation_fraction=0.3, max_windows=1000, seed=12,
)  # fmt: skip
SELECTED = Selection("25%:75%", ("a b", "c"), ("d",), "is odd", "hold", "a > 2")


def parsed(cls, words):
    """Return the object a command gets for the words of a command line."""
    got = []

    @click.command()
    @settings_options(cls, "settings")
    def command(settings):
        got.append(settings)

    result = CliRunner().invoke(command, words)
    assert result.exit_code == 0, result.output
    return got[0]


@pytest.mark.parametrize("settings", [CHANGED, SELECTED], ids=["detector", "selection"])
def test_command_line_says_every_setting_exactly(settings):
    differing = [one.name for one in fields(settings) if getattr(settings, one.name) != one.default]
    assert differing == [one.name for one in fields(settings)], "each field is tried with another value"
    assert parsed(type(settings), words_of(settings)) == settings
    assert parsed(type(settings), []) == type(settings)()
    assert words_of(type(settings)()) == []


@pytest.mark.parametrize("command", [train, tune])
def test_commands_have_an_option_for_every_setting(command):
    names = {parameter.name for parameter in command.params}
    wanted = {one.name for one in (*settings_of(DetectorSettings), *settings_of(Selection))}
    assert wanted - names == (set(searched()) if command is tune else set())


def test_keras_model_has_the_networks_settings_with_their_defaults():
    parameters = inspect.signature(SparseAutoencoder).parameters
    assert {name: parameters[name].default for name in names_of(NETWORK)} == DetectorSettings().network()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rho": 1.0}, "rho: expected a number above 0 and below 1. Received: 1.0"),
        ({"code_size": 0}, "code_size: expected a whole number of at least 1. Received: 0"),
        ({"code_size": 2.5}, "Received: 2.5"),
        ({"epochs": True}, "Received: True"),
        ({"penalty": "l2"}, "one of kl, l1, topk, none. Received: 'l2'"),
        ({"features": "mean"}, "features: expected a list of texts. Received: 'mean'"),
        ({"hidden": (64, 0)}, "hidden: expected a list of whole numbers of at least 1. Received: 0"),
        ({"tied": 1}, "True or False. Received: 1"),
    ],
)
def test_invalid_values_are_refused_with_what_was_expected(options, words):
    with pytest.raises(UsageError) as caught:
        DetectorSettings(**options)
    assert words in str(caught.value)


def test_lists_and_numpy_numbers_are_taken_as_what_they_are():
    import numpy as np

    settings = DetectorSettings(hidden=[64, 32], code_size=np.int64(8), rho=np.float32(0.5))
    assert settings == replace(DetectorSettings(), hidden=(64, 32), code_size=8, rho=0.5)
    assert {type(settings.code_size), type(settings.rho)} == {int, float}


def test_a_new_field_is_an_option_a_check_and_a_line_of_help_at_once():
    @dataclass(frozen=True)
    class Brew:
        cups: int = setting(2, "Cups of coffee.", within=Range(1, 9))

        def __post_init__(self):
            conform(self)

    @click.command()
    @settings_options(Brew, "brew")
    def make(brew):
        click.echo(brew.cups)

    assert CliRunner().invoke(make, ["--cups", "3"]).output == "3\n"
    assert "Cups of coffee.  [default: 2; 1<=x<=9]" in CliRunner().invoke(make, ["--help"]).output
    assert CliRunner().invoke(make, ["--cups", "10"]).exit_code == 2
    with pytest.raises(UsageError, match="of at least 1 and of at most 9"):
        Brew(10)
