"""The ``saelite`` command."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from edge_runtime.errors import SaeliteError, UsageError
from saelite.commands.adapt import adapt
from saelite.commands.attach import attach
from saelite.commands.bench import bench
from saelite.commands.config import config
from saelite.commands.demo import demo
from saelite.commands.doctor import doctor
from saelite.commands.export import export
from saelite.commands.feedback import feedback
from saelite.commands.fleet import fleet
from saelite.commands.history import history
from saelite.commands.inspect import inspect
from saelite.commands.keygen import keygen
from saelite.commands.publish import publish
from saelite.commands.record import record
from saelite.commands.report import report
from saelite.commands.run import run
from saelite.commands.score import score
from saelite.commands.service import service
from saelite.commands.train import train
from saelite.commands.tune import tune
from saelite.commands.verify import verify
from saelite.plain import plain
from saelite.version import __version__


class _Group(click.Group):
    """A group that prints saelite's errors as one line, exit code 1 (2 for an invalid call)."""

    def invoke(self, ctx: click.Context) -> Any:
        _open_closed_streams()
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except UsageError as error:
            raise click.UsageError(plain(str(error))) from error
        except SaeliteError as error:
            raise click.ClickException(plain(str(error))) from error
        except OSError as error:
            # Discard what Python still buffers for standard output.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if isinstance(error, BrokenPipeError):
                # The reader of the pipe has closed it, as `head` does: not an error.
                raise click.exceptions.Exit(0) from error
            where = f" {error.filename}" if error.filename else ""
            raise click.ClickException(f"cannot go on{where}: {error.strerror or error}.") from error
        return result


def _open_closed_streams() -> None:
    """Replace standard streams that were closed before the start, for which Python has None."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - open as long as the process is


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="saelite")
def main() -> None:
    """Train a sparse autoencoder, export it as one quantised TFLite file, and run it on a small board.

    \b
    saelite demo                             the whole loop on the bundled recording
    saelite train normal.csv -o runs/pump    learn what normal looks like
    saelite export runs/pump -o pump.tflite  one file for the device
    saelite score pump.tflite log.csv -o scores.csv
    saelite report pump.tflite log.csv -o report.html
    saelite fleet train pumps/ -o fleet      a model for each of many machines
    """


for command in (
    demo, record, train, tune, export, attach, adapt, inspect, verify, keygen, publish, score, report, run, history,
    feedback, config, service, fleet, bench, doctor,
):  # fmt: skip
    main.add_command(command)
