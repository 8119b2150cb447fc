"""What to learn and from which rows: the one list of options of training.

`saelite train`, `saelite tune`, `saelite.train`, the scikit-learn estimator, the Keras model's defaults, the benchmarks
and their documentation are made from these fields. Needs neither tensorflow nor numpy itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from edge_runtime.common.setting import Range, conform, documented, setting, settings_of
from edge_runtime.inference.heads import PARTS
from edge_runtime.model_file.manifest import CHOSEN_ON_EXPORT
from edge_runtime.signal.missing import POLICIES

if TYPE_CHECKING:
    from pathlib import Path

    from training.recordings import Recording
    from training.recordings.column_table import InMemory
    from training.recordings.nature import Nature

SENSORS, INPUT, NETWORK, SCORE, FIT, HELD_OUT = "sensors", "input", "network", "score", "fit", "held out"
_SHARE = Range(0, 1, high_open=True)
_INSIDE = Range(0, 1, low_open=True, high_open=True)
_POSITIVE = Range(0, low_open=True)
# Mean and standard deviation of a few readings tell a level from its noise. They are twice as many variables as
# sensors, and a covariance of so many needs its rows.
_WINDOW, _FEATURES, _ROWS_PER_VARIABLE = 4, ("mean", "std"), 20
# Training adds little to what random features detect (see docs/accuracy.md), so it is kept short.
_STEPS, _FEWEST_EPOCHS, _MOST_EPOCHS = 5000, 10, 200
_WINDOW_BYTES = 2**27


@documented
@dataclass(frozen=True, kw_only=True)
class DetectorSettings:
    """What to learn. Nothing has to be said: None leaves a choice to saelite.

    Examples
    --------
    >>> DetectorSettings(rho=7)
    Traceback (most recent call last):
    edge_runtime.errors.UsageError: rho: expected a number above 0 and below 1. Received: 7
    """

    constant_policy: str = setting(
        "drop", "Sensors that never move in the training rows: leave out, or refuse.",
        choices=("drop", "error"), group=SENSORS,
    )  # fmt: skip
    duplicate_policy: str = setting(
        "drop", "Sensors with the very values of an earlier one.", choices=("drop", "keep", "error"), group=SENSORS
    )
    drift_policy: str = setting(
        "keep", "Sensors that drift in the training rows: 50 * Var(means of 50 rows) / Var is 20 or more.",
        choices=("keep", "drop", "error"), group=SENSORS,
    )  # fmt: skip
    scaling: str = setting(
        "standard", "Mean and standard deviation, or median and interquartile range.",
        choices=("standard", "robust"), group=INPUT,
    )  # fmt: skip
    features: tuple[str, ...] | None = setting(
        None, "What the network sees of each window: values, mean, std, min, max, slope, spectrum, logmel, or several. "
        "[default: mean and std of a series with rows enough, else values]", group=INPUT,
    )  # fmt: skip
    bands: int = setting(16, "Bands of each spectrum.", within=Range(1), group=INPUT)
    window: int | None = setting(
        None, "Readings seen at once.  [default: 4 of a series with rows enough, else 1]",
        within=Range(1), search=(None, 1, 2, 3, 5, 8), group=INPUT,
    )  # fmt: skip
    stride: int = setting(1, "Readings between the starts of two windows.", within=Range(1), group=INPUT)
    preset: str | None = setting(
        None, "Hidden layer and codes for 1,000, 10,000 or 100,000 multiply-accumulates; instead of --hidden and "
        "--code-size.", choices=("tiny", "small", "medium"),
    )  # fmt: skip
    code_size: int = setting(
        32, "Units of the code layer.", within=Range(1), search=(8, 16, 32, 64, 128), group=NETWORK
    )
    hidden: tuple[int, ...] = setting(
        (128,), "Units of the layers before the codes, such as 128,64; '' for none. The decoder mirrors them.",
        within=Range(1), group=NETWORK,
    )  # fmt: skip
    rho: float = setting(
        0.05, "Target mean activation of each code.", within=_INSIDE, search=Range(0.01, 0.3), group=NETWORK
    )
    alpha: float = setting(
        0.02, "Weight of the sparsity penalty.", within=Range(0), search=Range(0.001, 1.0), group=NETWORK
    )
    penalty: str = setting(
        "kl", "What keeps codes sparse: mean activation drawn to --rho, mean size, or only the largest kept.",
        choices=("kl", "l1", "topk", "none"), group=NETWORK,
    )  # fmt: skip
    momentum: float = setting(
        0.0, "Share of the codes' mean activation that is kept from batch to batch.", within=_SHARE, group=NETWORK
    )
    code_activation: str = setting("sigmoid", "Activation of the codes; kl needs the sigmoid.", group=NETWORK)
    tied: bool = setting(False, "Decode with the encoder's weights, transposed.", group=NETWORK)  # noqa: FBT003
    noise: float = setting(
        0.0, "Standard deviation of Gaussian noise on the inputs in training, in scales.",
        within=Range(0), group=NETWORK,
    )  # fmt: skip
    head: str = setting(
        CHOSEN_ON_EXPORT.head, "What makes the score, see docs/training.md; auto lets export take the one that finds "
        "synthetic faults best.", choices=(CHOSEN_ON_EXPORT.head, *PARTS), group=SCORE,
    )  # fmt: skip
    smoothing_span: int | None = setting(
        None, "Span of the scores' moving average; 1 for none.  [default: chosen on export]",
        within=Range(1), group=SCORE,
    )  # fmt: skip
    mean_rate: float | None = setting(
        None, "Fraction by which the input mean moves towards each quiet reading on the device; 0 for none. "
        "[default: chosen on export]", within=_SHARE, group=SCORE, metavar="SHARE",
    )  # fmt: skip
    scale_rate: float | None = setting(
        None, "Fraction by which the variance of the inputs moves towards each reading's square on the device, never "
        "below training's; 0 for none.  [default: chosen on export]", within=_SHARE, group=SCORE, metavar="SHARE",
    )  # fmt: skip
    batch_size: int = setting(64, "Windows per step.", within=Range(1), group=FIT)
    learning_rate: float = setting(4e-3, "Learning rate of Adam at the start.", within=_POSITIVE, group=FIT)
    decay: bool = setting(
        True,  # noqa: FBT003 - the default, as of every other setting
        "Let the learning rate fall in a straight line to zero at the last epoch.",
        group=FIT,
    )
    weight_decay: float = setting(0.0, "Weight decay of Adam, on kernels.", within=Range(0), group=FIT)
    epochs: int | None = setting(
        None, "Maximum number of epochs; 0 leaves the network at its random start.  [default: some 5,000 steps]",
        within=Range(0), group=FIT,
    )  # fmt: skip
    patience: int = setting(
        40, "Epochs without a better validation loss before training stops.", within=Range(1), group=HELD_OUT
    )
    validation_fraction: float = setting(
        0.25, "Share of each file, its last part in time, held out to stop the training; with 0 all rows do both.",
        within=_SHARE, group=HELD_OUT,
    )  # fmt: skip
    max_windows: int = setting(
        200_000, "Maximum number of windows to learn from, spread evenly over the time; no more than 128 MB of them.",
        within=Range(2), group=HELD_OUT,
    )  # fmt: skip
    seed: int = setting(0, "Seed of weights and order.", within=Range(0))

    def __post_init__(self) -> None:
        conform(self)

    def chosen_for(self, recording: Recording, nature: Nature) -> DetectorSettings:
        """Return the settings with window, features and epochs chosen where they were left open."""
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
        """Return the epochs asked for, or those that make some 5,000 steps."""
        if self.epochs is not None:
            return self.epochs
        return min(max(_STEPS // max(1, windows // self.batch_size), _FEWEST_EPOCHS), _MOST_EPOCHS)

    def window_limit(self, sensors: int) -> int:
        """Return the maximum number of windows to use."""
        return max(2, min(self.max_windows, _WINDOW_BYTES // (4 * (self.window or 1) * sensors)))

    def network(self) -> dict[str, Any]:
        """Return the arguments of `training.autoencoder.SparseAutoencoder` that settings decide on."""
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
        ":", "Readings to learn from; all of them should be normal. START:STOP in rows (0:400), per cent (25%:75%) or "
        "time (0h:2h), or START..STOP in dates and times.", form="rows",
    )  # fmt: skip
    sensors: tuple[str, ...] = setting((), "Columns to use.  [default: all that are sensors]")
    exclude: tuple[str, ...] = setting((), "Columns that are not sensors.")
    label: str | None = setting(
        None, "Column that says whether a row is anomalous, used for figures only. "
        "[default: a column called anomaly, is_anomaly, label or attack]", metavar="COLUMN",
    )  # fmt: skip
    on_missing: str = setting(
        "skip", "Readings with a missing value: end with an error, leave out, repeat the sensor's last value, or draw "
        "a line to its next one.", choices=POLICIES,
    )  # fmt: skip
    only_when: str | None = setting(
        None, "Learn only from rows in which this holds, such as 'current > 2'; the model file follows it as well.",
        metavar="CONDITION",
    )  # fmt: skip

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
