"""The manifest of a model file, parts of which training hands to export.

Its parts are named tuples: making a frozen dataclass compiles code, and a dozen of them were a third of the time
that a device takes from process start to the first score.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import NamedTuple

from edge_runtime.errors import ModelFileError
from edge_runtime.model_file.json_codec import from_json, to_json
from edge_runtime.model_file.making import NotRun, Op, OpPlace, Parent, Parity, ParityLimits, Provenance, RuntimeCheck
from edge_runtime.signal.cycle import Cycle
from edge_runtime.signal.preprocessing import Preprocessing

__all__ = [
    "CHOSEN_ON_EXPORT",
    "SCHEMA",
    "Cycle",
    "DetectorSpec",
    "DriftLimit",
    "HeadTried",
    "Manifest",
    "NotRun",
    "Op",
    "OpPlace",
    "Parent",
    "Parity",
    "ParityLimits",
    "Provenance",
    "Quantization",
    "QuantizedTensor",
    "RuntimeCheck",
    "Scoring",
    "Sensor",
    "Threshold",
]

SCHEMA = 3


class Sensor(NamedTuple):
    """One column of a recording.

    Parameters
    ----------
    name : str
        As in the recording's header.
    unit : str
        As given by the user; empty if unknown.
    """

    name: str
    unit: str = ""


class Scoring(NamedTuple):
    """How inputs, codes and residual become one score.

    A run folder may leave any of them to export, with the values of `CHOSEN_ON_EXPORT`.

    Parameters
    ----------
    head : str
        A key of `edge_runtime.inference.heads.PARTS`.
    smoothing_span : int
        Span of the moving average over successive windows' scores; 1 is none.
    mean_rate : float
        Fraction by which the input mean moves towards each quiet reading, see
        `edge_runtime.streaming.adaptation.tracking`; 0 turns it off.
    scale_rate : float
        Fraction by which the variance of the inputs moves towards each reading's square; 0 turns it off.
    """

    head: str
    smoothing_span: int = 1
    mean_rate: float = 0.0
    scale_rate: float = 0.0


CHOSEN_ON_EXPORT = Scoring("auto", 0, -1.0, -1.0)


class DetectorSpec(NamedTuple):
    """Everything that defines a detector besides its weights and its threshold.

    Parameters
    ----------
    only_when : str
        Which readings count, see `edge_runtime.signal.only_when`; empty for all.
    cycles : tuple of Cycle
        The usual course of day and week that is taken away from every reading; empty if none was found.
    modes : tuple of tuple of float
        Mean readings of each mode of operation, in the sensors' units: a mean that follows does so relative to the
        nearest. Empty if it follows without modes, or not at all.
    """

    sensors: tuple[Sensor, ...]
    preprocessing: Preprocessing
    scoring: Scoring
    only_when: str = ""
    cycles: tuple[Cycle, ...] = ()
    modes: tuple[tuple[float, ...], ...] = ()

    @property
    def sensor_names(self) -> tuple[str, ...]:
        """Sensor names in the model's order."""
        return tuple(sensor.name for sensor in self.sensors)


class Threshold(NamedTuple):
    """A limit on the smoothed score: ``score > value`` is anomalous.

    Parameters
    ----------
    value : float
        1.0 in every file that export wrote: its scores are normalised.
    method : str
        How it was fitted, in words.
    target_far : float
        Share of normal windows expected above it.
    n_windows : int
        Normal windows it was fitted on.
    target_far_upper : float
        The same share at 95 % confidence.
    n_effective : float
        Independent scores among the windows.
    budget : str
        Alarm budget, such as ``1/week``; empty if none was given.
    promised, promised_upper : float or None
        Expected false alarms and their upper bound at 95 % confidence, in the budget's unit; None if time is unknown.
    more_s : float
        Additional seconds of recording needed to promise the budget itself; 0 if it is promised.
    n_settling : int
        Windows at the beginning of the recording that it was not fitted on, because the machine settled.
    """

    value: float
    method: str
    target_far: float
    n_windows: int
    comparison: str = ">"
    target_far_upper: float = 1.0
    n_effective: float = 0.0
    budget: str = ""
    promised: float | None = None
    promised_upper: float | None = None
    more_s: float = 0.0
    n_settling: int = 0


class HeadTried(NamedTuple):
    """One way to score that export tried, by the faults it put into normal windows.

    Parameters
    ----------
    name : str
        The head, a comma, and how it was fitted.
    detection : float
        Share of faulty windows above the limit that keeps the budget.
    """

    name: str
    detection: float

    @property
    def head(self) -> str:
        """The head; a key of `edge_runtime.inference.heads.PARTS`."""
        return self.name.partition(",")[0]


class Quantization(NamedTuple):
    """What is quantised, and how.

    Parameters
    ----------
    scheme : str
        ``int8``, ``float32`` …
    granularity : str
        ``tensor`` or ``channel``: what one weight scale covers.
    input_scale, input_zero_point : float, int
        Of the network's quantised input; ``(q - zero_point) * scale`` is the scaled value.
    input_saturation : float
        Share of values of held-out normal windows outside the quantised input's range.
    """

    scheme: str
    granularity: str = "tensor"
    input_scale: float = 0.0
    input_zero_point: int = 0
    input_saturation: float = 0.0


class QuantizedTensor(NamedTuple):
    """An output of a network graph: ``(q - zero_point) * scale`` is its value; scale 0 means float32.

    Parameters
    ----------
    name : str
        ``codes``, ``reconstruction`` or ``hidden_0`` …
    scale, zero_point : float, int
    tensor : str
        What the graph calls it, where that is something else.
    """

    name: str
    scale: float = 0.0
    zero_point: int = 0
    tensor: str = ""


class DriftLimit(NamedTuple):
    """How far the codes' mean activation may be from training's; see `edge_runtime.streaming.adaptation.drift`.

    Parameters
    ----------
    window : int
        Windows the live mean is taken over.
    limit : float
        Divergence in nats that normal data stay below.
    """

    window: int
    limit: float


@dataclass(frozen=True)
class Manifest:
    """The whole of ``saelite.json``.

    Parameters
    ----------
    graph : str
        ``detector``: raw window in, codes and score out. ``network``: the host scales (and quantises) the
        inputs, shape (1, inputs), and computes the score from the outputs named in `outputs` (``codes``,
        ``reconstruction``, ``hidden_0`` …) with the head in the file's arrays ``head_mean`` …
    parity_float32 : Parity or None
        Of the float32 graph that was then quantised: what the rebuilding alone costs.
    parity_limits, parity_failures
        What was demanded, and what was not kept even by the widest scheme that was allowed.
    tried : tuple of HeadTried
        The ways to score that export chose from, the best first.
    bands : tuple of float
        Standard deviation of each sensor's level around its expected value, in sensor units; empty where not known.
    given_up : tuple of str
        Narrower schemes that were tried first, and why they were not taken.
    not_run : tuple of NotRun
        What the file should be run in and was not.
    op_places : tuple of OpPlace
        For the Edge TPU alone.
    version : int
        Of the model, given by whoever exports it; a running stream takes no lower one.
    allows_drift : bool
        Whether the head was fitted to allow for sensors that drift.
    spans : tuple of int
        Smoothing spans that export chose from, and a device may again; empty for the one in `spec` alone.
    parent : Parent or None
        Of a file that a device adapted.
    """

    schema: int
    name: str
    target: str
    spec: DetectorSpec
    threshold: Threshold
    quantization: Quantization
    mean_activation: tuple[float, ...]
    flatbuffer_sha256: str
    ops: tuple[Op, ...] = ()
    parity: Parity | None = None
    runtimes: tuple[RuntimeCheck, ...] = ()
    provenance: Provenance = Provenance()  # noqa: RUF009 - never changes
    graph: str = "detector"
    outputs: tuple[QuantizedTensor, ...] = ()
    drift: DriftLimit | None = None
    not_run: tuple[NotRun, ...] = ()
    parity_float32: Parity | None = None
    parity_limits: ParityLimits = ParityLimits()  # noqa: RUF009 - never changes
    parity_failures: tuple[str, ...] = ()
    op_places: tuple[OpPlace, ...] = ()
    tried: tuple[HeadTried, ...] = ()
    given_up: tuple[str, ...] = ()
    bands: tuple[float, ...] = ()
    version: int = 0
    allows_drift: bool = False
    spans: tuple[int, ...] = ()
    parent: Parent | None = None

    def to_bytes(self) -> bytes:
        """Return UTF-8 JSON with a stable order, ready for the file: compact, as 784 sensors are many lines."""
        return json.dumps(to_json(self), separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode() + b"\n"

    @classmethod
    def from_bytes(cls, content: bytes) -> Manifest:
        """Parse and check a manifest.

        Raises
        ------
        ModelFileError
            If it is not JSON, of a newer schema, or a field does not fit.
        """
        try:
            data = json.loads(content)
            schema = data.get("schema") if isinstance(data, dict) else None
            if schema != SCHEMA:
                raise ModelFileError(
                    f"the manifest has schema version {schema!r}, this saelite reads version {SCHEMA}. "
                    "Install the saelite that wrote the file, or export it again."
                )
            return from_json(cls, data)
        except (ValueError, RecursionError) as error:  # of text, JSON and types, and of integers of 5,000 digits
            raise ModelFileError(f"the manifest is damaged ({error}). Export the file again.") from error
