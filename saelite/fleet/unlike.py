"""Assets that are unlike all others: how far, and in what.

For assets with the same sensors, every fact of a recording (level and movement of each sensor, correlation of each
pair, error under the common model) is set against all assets' facts: ``z = (fact - median) / spread``, where the spread
is the robust standard deviation ``1.4826 * MAD``, and at least what makes no difference in practice. The distance of an
asset is its largest ``|z|``.

References
----------
Rousseeuw and Croux (1993), Alternatives to the median absolute deviation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from saelite.fleet.asset_facts import AssetFacts
from saelite.fleet.outcome import AssetOutcome

Floats = npt.NDArray[np.float64]
FAR = 8.0
"""Distance from which on an asset counts as unlike the others."""
FEWEST = 8
"""Assets with the same sensors below which nothing is said."""
_MAD_TO_SIGMA = 1.4826
_TINY = 1e-12
_CERTAIN = 0.999
# Spreads that make no difference: a tenth of a sensor's own movement, a tenth of a factor, of Fisher's z.
_LEVEL, _FACTOR, _FISHER = 0.1, 0.1, 0.1


class Unlike(NamedTuple):
    """How an asset compares with the others that have its sensors.

    Parameters
    ----------
    distance : float
        Robust standard deviations of the fact that differs most.
    because : str
        What differs, in a sentence; empty below `FAR`.
    sensors : tuple of str
        That differ.
    """

    distance: float
    because: str = ""
    sensors: tuple[str, ...] = ()


def unlike_others(outcomes: Iterable[AssetOutcome]) -> dict[str, Unlike]:
    """Return the distance of every asset that has at least seven others to compare it with.

    Examples
    --------
    >>> def pump(number, level):
    ...     facts = AssetFacts(("flow", "load"), (level, 5.0), (1.0, 2.0), (0.9,))
    ...     return AssetOutcome(f"pump{number}", "made", facts=facts)
    >>> found = unlike_others([pump(number, 30.0 + number % 3 + 40 * (number == 7)) for number in range(12)])
    >>> max(found, key=lambda asset: found[asset].distance), found["pump7"].because
    ('pump7', 'flow stands at 71, elsewhere at 30 to 32.')
    """
    groups: dict[frozenset[str], list[tuple[str, AssetFacts]]] = defaultdict(list)
    for one in outcomes:
        if one.facts is not None:
            groups[frozenset(one.facts.sensors)].append((one.asset, one.facts))
    found: dict[str, Unlike] = {}
    for group in groups.values():
        if len(group) >= FEWEST:
            names, facts = zip(*group, strict=True)
            found |= dict(zip(names, _compared(facts), strict=True))
    return found


class _Aspect(NamedTuple):
    """One kind of fact of all assets: values, what they are called, and how a difference is told.

    Parameters
    ----------
    values : ndarray of shape (assets, facts)
        On a scale on which differences mean the same everywhere.
    spread : ndarray of shape (facts,)
        Below which a difference means nothing.
    sensors : sequence of tuple of str
        Of each fact.
    shown : ndarray of shape (assets, facts)
        As it is told.
    text : str
        With ``{names}``, ``{own}``, ``{low}`` and ``{high}``.
    """

    values: Floats
    spread: Floats
    sensors: Sequence[tuple[str, ...]]
    shown: Floats
    text: str


def _compared(facts: Sequence[AssetFacts]) -> list[Unlike]:
    sensors = facts[0].sensors
    aspects = _aspects([_ordered(one, sensors) for one in facts], sensors)
    scores = [_scores(aspect) for aspect in aspects]
    return [_told(asset, aspects, scores) for asset in range(len(facts))]


def _ordered(facts: AssetFacts, sensors: tuple[str, ...]) -> AssetFacts:
    if facts.sensors == sensors:
        return facts
    order = [facts.sensors.index(name) for name in sensors]
    pairs = {
        frozenset(pair): value for pair, value in zip(combinations(facts.sensors, 2), facts.correlations, strict=True)
    }
    return AssetFacts(
        sensors,
        tuple(facts.level[one] for one in order),
        tuple(facts.deviation[one] for one in order),
        tuple(pairs[frozenset(pair)] for pair in combinations(sensors, 2)),
        tuple(facts.errors[one] for one in order) if facts.errors else (),
    )


def _aspects(facts: Sequence[AssetFacts], sensors: tuple[str, ...]) -> list[_Aspect]:
    level = np.array([one.level for one in facts])
    deviation = np.array([one.deviation for one in facts])
    usual = np.median(deviation, axis=0)
    alone = [(name,) for name in sensors]
    aspects = [
        _Aspect(
            level, _LEVEL * usual, alone, level, "{names} stands at {own}, elsewhere at {low} to {high}"
        ),
        _Aspect(
            np.log(np.maximum(deviation, 1e-3 * usual + _TINY)), np.full(len(sensors), _FACTOR), alone, deviation,
            "{names} moves by {own}, elsewhere by {low} to {high}",
        ),
    ]  # fmt: skip
    if len(sensors) > 1:
        pairs = list(combinations(sensors, 2))
        correlations = np.array([one.correlations for one in facts])
        fisher = np.arctanh(np.clip(correlations, -_CERTAIN, _CERTAIN))
        text = "{names} correlate at {own}, elsewhere at {low} to {high}"
        aspects.append(_Aspect(fisher, np.full(len(pairs), _FISHER), pairs, correlations, text))
    if all(one.errors for one in facts):
        errors = np.array([one.errors for one in facts])
        text = "the common model reconstructs {names} with an error of {own}, elsewhere {low} to {high}"
        aspects.append(_Aspect(np.log(errors + 1e-3), np.full(len(sensors), _FACTOR), alone, errors, text))
    return aspects


def _scores(aspect: _Aspect) -> Floats:
    """Return the distance of each fact of each asset from the median, in robust standard deviations."""
    off = np.abs(aspect.values - np.median(aspect.values, axis=0))
    spread = np.maximum(_MAD_TO_SIGMA * np.median(off, axis=0), aspect.spread)
    return np.asarray(off / np.maximum(spread, _TINY))


def _told(asset: int, aspects: Sequence[_Aspect], scores: Sequence[Floats]) -> Unlike:
    """Return an asset's largest distance, with the fact it is of, and the next one if it is of other sensors."""
    tops = sorted(((float(score[asset].max()), number) for number, score in enumerate(scores)), key=lambda one: -one[0])
    distance, first = tops[0]
    if distance < FAR:
        return Unlike(round(distance, 2))
    texts: list[str] = []
    sensors: list[str] = []
    for score, number in ((distance, first), *tops[1:]):
        aspect = aspects[number]
        fact = int(np.argmax(scores[number][asset]))
        names = aspect.sensors[fact]
        if score >= FAR and not set(names) <= set(sensors):
            texts.append(_sentence(aspect, asset, fact))
            sensors += [name for name in names if name not in sensors]
    return Unlike(round(distance, 2), f"{'; '.join(texts[:2])}.", tuple(sensors))


def _sentence(aspect: _Aspect, asset: int, fact: int) -> str:
    others = np.delete(aspect.shown[:, fact], asset)
    low, high = np.quantile(others, (0.1, 0.9))
    names = " and ".join(aspect.sensors[fact])
    return aspect.text.format(names=names, own=f"{aspect.shown[asset, fact]:.3g}", low=f"{low:.3g}", high=f"{high:.3g}")
