"""Parameters that come from a list of settings, shown as if each had been written down."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any, Concatenate, ParamSpec, TypeVar

from edge_runtime.common.setting import Setting, parameter_lines, settings_of

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
S = TypeVar("S")
R = TypeVar("R")


def takes(settings: Iterable[Setting], *, document: Any = None) -> Callable[[F], F]:
    """Return a decorator that shows settings in place of a function's ``**settings``.

    `inspect.signature`, and with it scikit-learn, Jupyter and help(), then see every one with its default.

    Parameters
    ----------
    settings : iterable of Setting
    document : object, optional
        What has the docstring, if it is not the function.

    Examples
    --------
    >>> from edge_runtime.common.setting import Setting
    >>> @takes([Setting("rho", float, float, None, False, 0.05, "Target.")])
    ... def learn(rows, **settings): ...
    >>> inspect.signature(learn)
    <Signature (rows, *, rho=0.05)>
    """
    shown = tuple(settings)

    def decorate(function: F) -> F:
        own = inspect.signature(function)
        kept = [one for one in own.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        added = [inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default) for one in shown]
        signature = own.replace(parameters=[*kept, *added])
        function.__signature__ = signature  # type: ignore[attr-defined] # what inspect.signature looks for
        documented = document or function
        documented.__doc__ = _with_lines(documented.__doc__ or "", shown)
        return function

    return decorate


def takes_all(cls: Callable[P, object]) -> Callable[[Callable[Concatenate[S, ...], R]], Callable[Concatenate[S, P], R]]:
    """Return a decorator that shows all of a dataclass's settings, to type checkers as well.

    Parameters
    ----------
    cls : type
        The function takes one argument and the fields of this.
    """
    return takes(settings_of(cls))


def _with_lines(text: str, settings: tuple[Setting, ...]) -> str:
    """Put the settings' help in the place of the paragraph on ``**settings``."""
    lines = "".join(f"    {line}\n" for line in parameter_lines(settings))
    return re.sub(r"    \*\*settings\n(?:        .*\n)+", lambda _: lines, text)
