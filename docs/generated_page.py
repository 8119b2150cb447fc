"""What the scripts that write a page have in common: the command, which writes the page or checks it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click


def page_command(path: Path, page: Callable[[], str], also: Callable[[], None] = lambda: None) -> click.Command:
    """Return a command that writes a page, or with --check ends with 1 if it is out of date.

    Parameters
    ----------
    path : Path
    page : callable
        Returns the page.
    also : callable
        Writes what else belongs to it.
    """

    @click.command(help=f"Write docs/{path.relative_to(Path(__file__).parent).as_posix()}.")
    @click.option("--check", is_flag=True, help="Write nothing; exit 1 if the page is out of date.")
    def generate(*, check: bool) -> None:
        text = page()
        if not check:
            path.write_text(text, encoding="utf-8")
            also()
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            name = path.relative_to(Path(__file__).parents[1]).as_posix()
            raise click.ClickException(f"{name} is out of date. Write it again with: make docs")

    return generate
