"""One table of cases for all that computes a score: numpy as stream and as batch, the graph, and C."""

from dataclasses import dataclass, replace

import numpy as np
import reference_maths

from edge_runtime.inference.attribution import Attribution
from edge_runtime.inference.heads import PARTS, Head
from edge_runtime.signal.features import FEATURES
from edge_runtime.signal.preprocessing import UNLIMITED, Preprocessing
from training.run_folder import DenseLayer, Network

SENSORS, WINDOW = ("hot", "cold"), 6
_CENTER, _SCALE = (20.0, -0.25), (4.0, 0.125)
_LARGEST = reference_maths.LARGEST
_RNG = np.random.default_rng(11)
THRESHOLD = 1.0
"""Of smoothed scores."""


@dataclass(frozen=True)
class SmoothingCase:
    """Scores to be smoothed, and what becomes of them."""

    name: str
    span: int
    scores: np.ndarray

    @property
    def expected(self):
        """The levels in float64."""
        return reference_maths.smoothed(self.scores, self.span, 3 * THRESHOLD)


def _smoothing_cases():
    ordinary = _RNG.exponential(size=60).astype(np.float32)
    courses = {
        "ordinary": ordinary,
        "constant": np.full(40, 0.7, np.float32),
        "zeros": np.zeros(8, np.float32),
        "spikes": np.where(np.arange(60) % 20 == 7, np.float32(1e6), ordinary),
        "a long fault": np.where(np.arange(200) // 25 % 2 == 1, np.float32(40), np.tile(ordinary, 4)[:200]),
        "a fault that wavers": (9 * _RNG.exponential(size=300)).astype(np.float32),
        "infinity": np.where(np.arange(60) == 3, np.float32(np.inf), ordinary),
        "nan": np.where(np.arange(60) == 3, np.float32(np.nan), ordinary),
        "infinite first": np.where(np.arange(60) == 0, np.float32(np.inf), ordinary),
        "nan first": np.where(np.arange(60) == 0, np.float32(np.nan), ordinary),
        "near the largest": np.full(12, 0.99 * _LARGEST, np.float32),
        "the largest": np.full(12, _LARGEST, np.float32),
        "largest and smallest in turn": np.tile(np.float32([_LARGEST, 0.0, 1e-45]), 6),
        "one": ordinary[:1],
        "many": _RNG.exponential(size=700).astype(np.float32),
    }
    return [SmoothingCase(name, span, scores) for name, scores in courses.items() for span in (1, 3, 30)]


SMOOTHING = _smoothing_cases()


def _windows():
    """Windows by name, shape (window, sensors), raw."""
    ordinary = np.array(_CENTER) + np.array(_SCALE) * _RNG.normal(size=(WINDOW, 2))
    time = np.arange(WINDOW)[:, None]
    spike = ordinary.copy()
    spike[3, 0] += 400.0
    largest = ordinary.copy()
    largest[2:4, 1] = 3e38, -3e38
    return {
        "ordinary": ordinary,
        "another": np.array(_CENTER) + np.array(_SCALE) * _RNG.normal(size=(WINDOW, 2)),
        "at the centre": np.tile(_CENTER, (WINDOW, 1)),
        "constant": np.tile([23.0, 0.1], (WINDOW, 1)),
        "rising": np.array(_CENTER) + np.array(_SCALE) * (time - 2.5),
        "spike": spike,
        "far out": ordinary + 100 * np.array(_SCALE),
        "near the largest": largest,
        "tiny": np.full((WINDOW, 2), 1e-42),
    }


_NAMED = _windows()
WINDOW_NAMES = tuple(_NAMED)
WINDOWS = np.array(list(_NAMED.values()), np.float32)
INCOMPLETE = np.repeat(WINDOWS[:1], 3, axis=0)
"""Windows that nobody can score: a value is missing or infinite."""
INCOMPLETE[[0, 1, 2], [0, 3, 5], [1, 0, 1]] = np.nan, np.inf, -np.inf


@dataclass(frozen=True)
class ScoringCase:
    """A detector, and what it says of `WINDOWS`; the expected values are computed in float64."""

    name: str
    preprocessing: Preprocessing
    network: Network
    head: Head
    attribution: Attribution

    @property
    def inputs(self):
        """The network's inputs."""
        return reference_maths.inputs(self.preprocessing, WINDOWS)

    @property
    def parts(self):
        """What heads are made of."""
        return reference_maths.parts(self.network, self.inputs)

    @property
    def scores(self):
        """Raw scores."""
        return reference_maths.scores(self.head, self.parts)

    @property
    def attributions(self):
        """Contributions and expected values."""
        mode = reference_maths.distances(self.head, self.parts).argmin(axis=1)
        mode = mode if len(self.attribution.mean) > 1 else np.zeros_like(mode)
        return reference_maths.attributions(self.attribution, self.inputs, self.scores, mode, len(SENSORS))


def _random(*shape):
    return _RNG.normal(size=shape).astype(np.float32)


def _preprocessing(features, limit=8.0):
    """Scaling by sensor, and by input where there are features."""
    plain = Preprocessing("standard", _CENTER, _SCALE, WINDOW, 1, limit, features, 2, 100.0)
    if features == ("values",):
        return plain
    center, scale = _RNG.normal(size=plain.inputs), _RNG.uniform(0.5, 2.0, plain.inputs)
    return replace(plain, feature_center=tuple(center.tolist()), feature_scale=tuple(scale.tolist()))


def _network(inputs):
    layers = ((inputs, 4, "sigmoid"), (4, 3, "sigmoid")), ((3, 4, "sigmoid"), (4, inputs, "linear"))
    return Network(
        *(
            tuple(DenseLayer(_random(n, m) / np.float32(n) ** 0.5, _random(m), name) for n, m, name in part)
            for part in layers
        )
    )


def _head(kind, form, inputs):
    """Return a head of one of the forms that files hold: a diagonal, a matrix, prototypes, or one matrix per mode."""
    width = sum({"inputs": inputs, "residual": inputs, "hidden": 4, "codes": 3}[part] for part in PARTS[kind])
    shape = {"vector": (width,), "modes": (3, width, width)}.get(form, (width, width))
    centers = _random(3, width) if form in ("prototypes", "modes") else None
    return Head(kind, _random(width), _random(*shape) / np.float32(width) ** 0.5, centers)


def _attribution(inputs, modes=1, *, is_diagonal=False):
    blame = _random(modes, inputs) if is_diagonal else _random(modes, inputs, inputs)
    return Attribution(
        _random(modes, inputs), blame, _random(modes, inputs, len(SENSORS)), _random(modes, len(SENSORS))
    )


def scoring_case(kind, form, features=("values",), limit=8.0):
    """Return a case of random numbers."""
    preprocessing = _preprocessing(features, limit)
    inputs = preprocessing.inputs
    modes = 3 if kind == "modes" else 1
    return ScoringCase(
        f"{kind}, {form}, {' '.join(features)}{'' if limit < UNLIMITED else ', unlimited'}",
        preprocessing,
        _network(inputs),
        _head(kind, form, inputs),
        _attribution(inputs, modes, is_diagonal=form == "vector"),
    )


OWN_FORM = {"spe": "vector", "codebook": "prototypes", "modes": "modes"}
SCORING = [
    *(scoring_case(kind, OWN_FORM.get(kind, "matrix")) for kind in PARTS),
    *(scoring_case("joint", form) for form in ("vector", "prototypes", "modes")),
    scoring_case("t2x", "matrix", limit=UNLIMITED),
    scoring_case("inputs", "matrix", FEATURES),
    scoring_case("deep", "matrix", ("slope", "max", "std", "values", "min", "mean")),
]
