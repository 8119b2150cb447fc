"""Text of others, made harmless for a terminal."""

from __future__ import annotations

import re

import click

from edge_runtime.common.silence import STDERR

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    r"""Return text with control characters as their escapes: a name may hold what moves the cursor or sets a title.

    The bytes of a path that are no UTF-8, which Python reads as halves of surrogate pairs, could not be printed at all.

    >>> plain("flow\x1b]0;owned\x07")
    'flow\\x1b]0;owned\\x07'
    """
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def tell(message: str) -> None:
    """Print one line on standard error, as the commands that watch readings do; any thread may."""
    with STDERR:
        click.echo(f"saelite: {plain(message)}", err=True)
