"""What to learn and from which rows: the one list of options of training.

`saelite train`, `saelite tune`, `saelite.train`, the scikit-learn estimator, the Keras model's defaults, the benchmarks
and their documentation are made from these fields. It needs neither tensorflow nor numpy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from edge_runtime.common.setting import Range, conform, documented, setting, settings_of
from edge_runtime.inference.heads import PARTS
from edge_runtime.model_file.manifest import CHOSEN_ON_EXPORT
from edge_runtime.signal.missing import POLICIES, POLICY_TEXT

if TYPE_CHECKING:
    from pathlib import Path

    from training.recordings import Recording
    from training.recordings.column_table import InMemory
    from training.recordings.nature import Nature

SENSORS, INPUT, NETWORK, SCORE, FIT, HELD_OUT = "sensors", "input", "network", "score", "fit", "held out"
_SHARE = Range(0, 1, high_open=True)
_INSIDE = Range(0, 1, low_open=True, high_open=True)
_POSITIVE = Range(0, low_open=True)
# Mean and standard deviation of a few readings separate a level from its noise. They are twice as many variables as
# sensors, and estimating their covariance needs enough rows.
_WINDOW, _FEATURES, _ROWS_PER_VARIABLE = 4, ("mean", "std"), 20
# Training adds little to what random features detect (see docs/benchmarks/accuracy.md), so it is kept short.
_STEPS, _FEWEST_EPOCHS, _MOST_EPOCHS = 5000, 10, 200
# An asset that starts from the fleet's common model has less to learn (docs/benchmarks/fleet.md).
_WARM_STEPS, _FEWEST_WARM_EPOCHS = 500, 5
_WINDOW_BYTES = 2**27


@documented
@dataclass(frozen=True, kw_only=True)
class DetectorSettings:
    """What to learn. Every setting is optional: None lets saelite choose.

    Examples
    --------
    >>> DetectorSettings(rho=7)
    Traceback (most recent call last):
    edge_runtime.errors.UsageError: rho: expected a number above 0 and below 1. Received: 7
    """

    constant_policy: str = setting(
        "drop",
        "Sensors that never change in the training rows: leave out, or refuse.",
        choices=("drop", "error"),
        group=SENSORS,
    )
    duplicate_policy: str = setting(
        "drop",
        "Sensors with exactly the values of an earlier one: leave out, keep, or refuse.",
        choices=("drop", "keep", "error"),
        group=SENSORS,
    )
    counter_policy: str = setting(
        "drop",
        "Sensors that only ever rise, or only ever fall, such as hours of work: leave out, keep, or refuse.",
        choices=("drop", "keep", "error"),
        group=SENSORS,
    )
    drift_policy: str = setting(
        "keep",
        "Sensors that drift in the training rows (50 * Var(means of 50 rows) / Var >= 20): keep, leave out, refuse.",
        choices=("keep", "drop", "error"),
        group=SENSORS,
    )
    units: tuple[str, ...] = setting(
        (),
        "Units of sensors, such as flow=l/min,heat=°C.  [default: from the columns' names: flow [l/min], flow_lpm]",
        group=SENSORS,
    )
    scaling: str = setting(
        "standard",
        "Scale by mean and standard deviation, or by median and interquartile range.",
        choices=("standard", "robust"),
        group=INPUT,
    )
    features: tuple[str, ...] | None = setting(
        None,
        "Inputs computed from each window: values, mean, std, min, max, slope, spectrum, logmel, or several. "
        "[default: mean,std for a series with enough rows, otherwise values]",
        group=INPUT,
    )
    bands: int = setting(16, "Number of bands per spectrum.", within=Range(1), group=INPUT)
    window: int | None = setting(
        None,
        "Readings per window.  [default: 4 for a series with enough rows, otherwise 1]",
        within=Range(1),
        search=(None, 1, 2, 3, 5, 8),
        group=INPUT,
    )
    stride: int = setting(1, "Readings from one window to the next.", within=Range(1), group=INPUT)
    preset: str | None = setting(
        None,
        "Layer sizes for 1,000, 10,000 or 100,000 multiply-accumulates, instead of --hidden and --code-size.",
        choices=("tiny", "small", "medium"),
    )
    code_size: int = setting(32, "Number of codes.", within=Range(1), search=(8, 16, 32, 64, 128), group=NETWORK)
    hidden: tuple[int, ...] = setting(
        (128,),
        "Sizes of the hidden layers, such as 128,64; '' for none.",
        within=Range(1),
        group=NETWORK,
    )
    rho: float = setting(
        0.05, "Target mean activation of each code.", within=_INSIDE, search=Range(0.01, 0.3), group=NETWORK
    )
    alpha: float = setting(
        0.02, "Weight of the sparsity penalty.", within=Range(0), search=Range(0.001, 1.0), group=NETWORK
    )
    penalty: str = setting(
        "kl",
        "Sparsity penalty: KL divergence from --rho, mean absolute value, only the largest codes kept, or none.",
        choices=("kl", "l1", "topk", "none"),
        group=NETWORK,
    )
    momentum: float = setting(
        0.0, "Momentum of the codes' mean activation across batches.", within=_SHARE, group=NETWORK
    )
    code_activation: str = setting("sigmoid", "Activation of the codes; kl needs sigmoid.", group=NETWORK)
    tied: bool = setting(False, "Decode with the encoder's weights, transposed.", group=NETWORK)  # noqa: FBT003
    noise: float = setting(
        0.0,
        "Gaussian noise on the scaled inputs during training, as a standard deviation.",
        within=Range(0),
        group=NETWORK,
    )
    head: str = setting(
        CHOSEN_ON_EXPORT.head,
        "Scoring head, see docs/concepts/scoring.md; auto lets export choose by synthetic faults.",
        choices=(CHOSEN_ON_EXPORT.head, *PARTS),
        group=SCORE,
    )
    smoothing_span: int | None = setting(
        None,
        "Span of the scores' moving average; 1 turns it off.  [default: chosen on export]",
        within=Range(1),
        group=SCORE,
    )
    mean_rate: float | None = setting(
        None,
        "Fraction by which the input mean moves towards each quiet reading on the device; 0 turns it off. "
        "[default: chosen on export]",
        within=_SHARE,
        group=SCORE,
        metavar="SHARE",
    )
    scale_rate: float | None = setting(
        None,
        "Fraction by which each sensor's variance moves towards the square of each reading on the device, never below "
        "training's; 0 turns it off. [default: chosen on export]",
        within=_SHARE,
        group=SCORE,
        metavar="SHARE",
    )
    batch_size: int = setting(64, "Windows per training step.", within=Range(1), group=FIT)
    learning_rate: float = setting(4e-3, "Initial learning rate of Adam.", within=_POSITIVE, group=FIT)
    decay: bool = setting(
        True,  # noqa: FBT003 - the default, as of every other setting
        "Decay the learning rate linearly to zero at the last epoch.",
        group=FIT,
    )
    weight_decay: float = setting(0.0, "Weight decay of the kernels.", within=Range(0), group=FIT)
    epochs: int | None = setting(
        None,
        "Maximum number of epochs; 0 leaves the network untrained.  [default: about 5,000 steps]",
        within=Range(0),
        group=FIT,
    )
    patience: int = setting(
        40, "Epochs without a better validation loss after which training stops.", within=Range(1), group=HELD_OUT
    )
    validation_fraction: float = setting(
        0.25,
        "Share of each file, its last part in time, held out to decide when training stops; 0 holds out nothing.",
        within=_SHARE,
        group=HELD_OUT,
    )
    max_windows: int = setting(
        200_000,
        "Maximum number of windows to learn from, spread evenly over time, and at most 128 MB.",
        within=Range(2),
        group=HELD_OUT,
    )
    seed: int = setting(0, "Random seed of weights and batch order.", within=Range(0))

    def __post_init__(self) -> None:
        conform(self)

    def chosen_for(self, recording: Recording, nature: Nature) -> DetectorSettings:
        """Return the settings with window, features and epochs chosen if they were left open."""
        rows, sensors = recording.values.shape
        sums_up = nature.is_series and sensors > 1 and rows >= _ROWS_PER_VARIABLE * len(_FEATURES) * sensors
        is_open = self.window is None and self.features is None
        return replace(
            self,
            window=self.window or (_WINDOW if is_open and sums_up else 1),
            features=self.features or (_FEATURES if is_open and sums_up else ("values",)),
            epochs=self.epochs_for(rows // self.stride),
        )

    def epochs_for(self, windows: int) -> int:
        """Return the epochs asked for, or the number that makes about 5,000 steps."""
        if self.epochs is not None:
            return self.epochs
        return min(max(_STEPS // max(1, windows // self.batch_size), _FEWEST_EPOCHS), _MOST_EPOCHS)

    def warm_epochs_for(self, windows: int) -> int:
        """Return the epochs asked for, or the number for an asset that starts from a common model."""
        if self.epochs is not None:
            return self.epochs
        return max(_WARM_STEPS // max(1, windows // self.batch_size), _FEWEST_WARM_EPOCHS)

    def window_limit(self, sensors: int) -> int:
        """Return the maximum number of windows to use."""
        return max(2, min(self.max_windows, _WINDOW_BYTES // (4 * (self.window or 1) * sensors)))

    def network(self) -> dict[str, Any]:
        """Return the arguments of `training.autoencoder.SparseAutoencoder` that the settings determine."""
        return {name: getattr(self, name) for name in names_of(NETWORK)}


@documented
@dataclass(frozen=True)
class Selection:
    """Which rows and columns of a recording to learn from.

    Examples
    --------
    >>> Selection(rows="0:400", exclude=("temperature",)).on_missing
    'skip'
    """

    rows: str = setting(
        ":",
        "Readings to learn from, all of them normal. START:STOP in rows (0:400), per cent (25%:75%) or "
        "time (0h:2h), or START..STOP in dates and times.",
        form="rows",
    )
    sensors: tuple[str, ...] = setting((), "Columns to use.  [default: all sensors]")
    exclude: tuple[str, ...] = setting((), "Columns that are not sensors.")
    label: str | None = setting(
        None,
        "Label column: whether a row is anomalous. Used for figures only. "
        "[default: a column named anomaly, is_anomaly, label or attack]",
        metavar="COLUMN",
    )
    on_missing: str = setting(
        "skip",
        POLICY_TEXT,
        choices=POLICIES,
    )
    only_when: str | None = setting(
        None,
        "Learn only from rows that meet this condition, such as 'current > 2'; the device applies it too.",
        metavar="CONDITION",
    )

    def __post_init__(self) -> None:
        conform(self)

    def read(self, source: str | Path | InMemory) -> Recording:
        """Return this part of a recording; see `training.recordings.read_recording`."""
        from edge_runtime.tables.row_range import RowRange
        from training.recordings import Columns, read_recording

        columns = Columns(self.sensors, self.exclude, self.label)
        rows, only_when = RowRange.parse(self.rows), self.only_when or ""
        return read_recording(source, columns, rows=rows, on_missing=self.on_missing, only_when=only_when)


def names_of(*groups: str) -> tuple[str, ...]:
    """Return the names of the settings of some groups, in order."""
    return tuple(one.name for one in settings_of(DetectorSettings) if one.group in groups)


def searched() -> dict[str, Range | tuple[Any, ...]]:
    """Return where `saelite tune` looks, by setting."""
    return {one.name: one.search for one in settings_of(DetectorSettings) if one.search is not None}
