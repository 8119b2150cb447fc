"""Groups whose subcommands are imported when they are called, and one of which may need no name."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import click


class LazyGroup(click.Group):
    """A group whose subcommands are imported when they are called, or their help is shown.

    Parameters
    ----------
    text : str
        The group's help.
    commands : mapping of str to str
        Where each subcommand is, as ``module:attribute``.
    """

    def __init__(self, name: str, text: str, *, commands: Mapping[str, str]) -> None:
        super().__init__(name, help=text, no_args_is_help=True)
        self._places = dict(commands)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the subcommands' names in the order given."""
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a subcommand."""
        if cmd_name not in self._places:
            return None
        module, _, attribute = self._places[cmd_name].partition(":")
        command = getattr(import_module(module), attribute)
        return command if isinstance(command, click.Command) else None


class DefaultGroup(LazyGroup):
    """``group CALL`` means ``group DEFAULT CALL`` unless CALL begins with the name of another subcommand.

    Parameters
    ----------
    text : str
        The group's help.
    default : str
        Name of the subcommand that may be left out.
    commands : mapping of str to str
        See `LazyGroup`.

    Examples
    --------
    >>> group = DefaultGroup("bench", "", default="file", commands={"file": "saelite.commands.bench_latency:latency"})
    >>> group.main(["--rounds", "0", "pump.tflite"], standalone_mode=False)
    Traceback (most recent call last):
    click.exceptions.BadParameter: 0 is not in the range x>=1.
    """

    def __init__(self, name: str, text: str, *, default: str, commands: Mapping[str, str]) -> None:
        super().__init__(name, text, commands=commands)
        self.default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default's name before a call that has none."""
        if args and args[0] not in self._places and args[0] not in ctx.help_option_names:
            args = [self.default, *args]
        return super().parse_args(ctx, args)
