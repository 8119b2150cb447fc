"""What a command that can be resumed says when it is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from saelite.plain import plain


@contextmanager
def resumable(output: str | Path) -> Iterator[None]:
    """Say how to go on, if the block is interrupted.

    Parameters
    ----------
    output : str or Path
        Folder of what is done.
    """
    try:
        yield
    except KeyboardInterrupt:
        click.echo(
            plain(f"\nstopped: what is done is in {output}. Repeat the command with --resume to go on."), err=True
        )
        raise
