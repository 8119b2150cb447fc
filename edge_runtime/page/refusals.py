"""Why a request is refused; the text is the answer."""

from __future__ import annotations


class BadRequest(ValueError):  # noqa: N818 - its text is the answer
    """A request that makes no sense; the text says why."""


class Unknown(LookupError):  # noqa: N818 - its text is the answer
    """Something asked for does not exist; the text says what."""
