"""What was chosen for each recording of a collection, and what went wrong."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.accuracy.methods import METHODS, OURS, Method

_MOST_SHOWN, _LONGEST = 10, 160


@dataclass(frozen=True)
class Choice:
    """What the product's defaults chose for one recording and seed, from the manifest of its first file.

    Parameters
    ----------
    recording, head : str
    window : int
        Readings.
    features : tuple of str
    smoothing_span : int
        Windows.
    mean_rate, scale_rate : float
    """

    recording: str
    head: str
    window: int
    features: tuple[str, ...]
    smoothing_span: int
    mean_rate: float
    scale_rate: float


@dataclass(frozen=True)
class Learnt:
    """Choices and troubles of a collection.

    Parameters
    ----------
    choices : tuple of Choice
    troubles : tuple of str
        Recordings that were refused, and files that export would not write by default; measured nevertheless.
    """

    choices: tuple[Choice, ...] = ()
    troubles: tuple[str, ...] = ()

    @classmethod
    def of(cls, found: Iterable[tuple[str, Method]]) -> Learnt:
        """Collect choices and troubles of some methods, each with the name of the recording it learnt."""
        pairs = list(found)
        choices = (_choice(name, method) for name, method in pairs if method.name == OURS[0])
        return cls(tuple(one for one in choices if one is not None), _troubles(pairs))

    @property
    def note(self) -> str:
        """A summary of a few lines."""
        lines = []
        if self.choices:
            heads = Counter(one.head for one in self.choices)
            lines.append(f"Heads chosen: {', '.join(f'{head} {times}' for head, times in heads.most_common())}")
        if self.troubles:
            lines.append("Refused, or beyond the limits of saelite export, but measured nevertheless:")
            lines += [f"  {textwrap.shorten(line, _LONGEST, placeholder=' …')}" for line in self.troubles[:_MOST_SHOWN]]
        if len(self.troubles) > _MOST_SHOWN:
            lines.append(f"  and {len(self.troubles) - _MOST_SHOWN} more, see --json")
        return "\n".join(lines)


def _choice(name: str, method: Method) -> Choice | None:
    if method.ready is None:
        return None
    preprocessing, scoring = method.ready.spec.preprocessing, method.ready.spec.scoring
    return Choice(name, scoring.head, preprocessing.window, preprocessing.features, *scoring[1:])


def _troubles(found: list[tuple[str, Method]]) -> tuple[str, ...]:
    names: dict[tuple[str, str], list[str]] = {}
    for where, method in found:
        if method.trouble:
            names.setdefault((where, method.trouble), []).append(method.name)
    return tuple(
        f"{where}, {'all methods' if len(set(by)) == len(METHODS) else ', '.join(dict.fromkeys(by))}: {trouble}"
        for (where, trouble), by in names.items()
    )
