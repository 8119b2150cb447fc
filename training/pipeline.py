"""Recording in, run folder out."""

from __future__ import annotations

import csv
import functools
import hashlib
import importlib.metadata
import io
import shutil
import tempfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.common.atomic import unwritable
from edge_runtime.common.counted import counted
from edge_runtime.errors import OutputError
from edge_runtime.model_file.manifest import CHOSEN_ON_EXPORT, DetectorSpec, Provenance, Scoring, Sensor
from training.autoencoder import SparseAutoencoder, plain_network
from training.checkpoint import CheckpointFile
from training.fit_preprocessing import PreprocessingSettings, fit_preprocessing
from training.presets import preset_sizes
from training.recordings import Recording
from training.recordings.findings import Findings, SensorPolicy, apply, find
from training.recordings.nature import Nature, nature_of
from training.recordings.profile import Profile, profile
from training.recordings.windows import Stretches, split
from training.run_folder import KERAS_FILE, RUN_JSON, NormalWindows, RunFolder
from training.trainer import Epoch, OnEpoch, TrainingSettings, fit

_KEPT_WINDOWS, _KEPT_BYTES = 20_000, 2**26
_WINDOW_BYTES = 2**27
_BATCH = 4096
# Mean and standard deviation of a few readings tell a level from its noise. They are twice as many variables as
# sensors, and a covariance of so many needs its rows.
_WINDOW, _FEATURES, _ROWS_PER_VARIABLE = 4, ("mean", "std"), 20
# Training adds little to what random features detect (see docs/accuracy.md), so it is kept short.
_STEPS, _FEWEST_EPOCHS, _MOST_EPOCHS = 5000, 10, 200
_MODEL_OPTIONS = (
    "code_size", "hidden", "rho", "alpha", "penalty", "momentum", "code_activation", "tied", "noise",
)  # fmt: skip
_PACKAGES = ("saelite", "tensorflow", "keras", "numpy", "scikit-learn")


@dataclass(frozen=True)
class DetectorSettings:
    """What to learn. Nothing has to be said: None leaves a choice to saelite.

    Parameters
    ----------
    window : int, optional
        Readings the network sees at once. By default 4 of a series with rows enough, else 1.
    stride : int
        Readings between two windows.
    code_size, hidden, rho, alpha, penalty, momentum, code_activation, tied, noise
        See `training.autoencoder.SparseAutoencoder`.
    preset : str, optional
        Sizes for a budget instead of `hidden` and `code_size`, see `training.presets`.
    head : str
        See `edge_runtime.inference.heads`; ``auto`` leaves it to export, which tries heads on the file's own outputs.
    smoothing_span : int
        Windows of the scores' moving average; 0 leaves it to export.
    mean_rate : float
        For the device: see `edge_runtime.model_file.manifest.Scoring`; below 0 leaves it to export.
    validation_fraction : float
        Share of the recording, its last part in time, that the network never sees: it stops the training. With 0
        the training windows serve for both.
    preprocessing : PreprocessingSettings
        Scaling and features.
    max_windows : int
        Maximum number of windows to learn from, and to check with; no more than 128 MB of them. Of more, these are
        taken evenly over the time.
    sensor_policy : SensorPolicy
        What to do with sensors that never move, repeat another, or drift.
    """

    window: int | None = None
    stride: int = 1
    code_size: int = 32
    hidden: tuple[int, ...] = (128,)
    rho: float = 0.05
    alpha: float = 0.02
    penalty: str = "kl"
    momentum: float = 0.0
    code_activation: str = "sigmoid"
    tied: bool = False
    noise: float = 0.0
    preset: str | None = None
    head: str = CHOSEN_ON_EXPORT.head
    smoothing_span: int = CHOSEN_ON_EXPORT.smoothing_span
    mean_rate: float = CHOSEN_ON_EXPORT.mean_rate
    validation_fraction: float = 0.25
    preprocessing: PreprocessingSettings = field(default_factory=PreprocessingSettings)
    max_windows: int = 200_000
    sensor_policy: SensorPolicy = field(default_factory=SensorPolicy)
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def chosen_for(self, recording: Recording, nature: Nature) -> DetectorSettings:
        """Return the settings with window, features and epochs chosen where they were left open."""
        rows, sensors = recording.values.shape
        sums_up = nature.is_series and sensors > 1 and rows >= _ROWS_PER_VARIABLE * len(_FEATURES) * sensors
        is_open = self.window is None and self.preprocessing.features is None
        window = self.window or (_WINDOW if is_open and sums_up else 1)
        features = self.preprocessing.features or (_FEATURES if is_open and sums_up else ("values",))
        epochs = self.training.epochs
        if epochs is None:
            steps = max(1, rows // self.stride // self.training.batch_size)
            epochs = min(max(_STEPS // steps, _FEWEST_EPOCHS), _MOST_EPOCHS)
        return replace(
            self,
            window=window,
            preprocessing=replace(self.preprocessing, features=features),
            training=replace(self.training, epochs=epochs),
        )

    def window_limit(self, sensors: int) -> int:
        """Return how many windows are used at most."""
        return max(2, min(self.max_windows, _WINDOW_BYTES // (4 * (self.window or 1) * sensors)))


@dataclass(frozen=True)
class TrainedRun:
    """A trained detector, not yet on disk."""

    folder: RunFolder
    model: SparseAutoencoder
    history: list[Epoch]
    findings: Findings
    nature: Nature
    settings: DetectorSettings
    profile: Profile

    def lines(self) -> list[str]:
        """Return what was found in the recording and decided, for people, one line each."""
        preprocessing = self.folder.spec.preprocessing
        kind = "time series" if self.nature.is_series else "table of independent rows"
        features = f"{', '.join(preprocessing.features)} of {counted(preprocessing.window, 'reading')}"
        return [
            f"{kind} (autocorrelation {self.nature.autocorrelation:.2f}); features: {features}",
            *self.findings.lines(self.settings.sensor_policy),
        ]


def train(
    recording: Recording,
    settings: DetectorSettings,
    on_epoch: OnEpoch = lambda _: None,
    checkpoint: Path | None = None,
) -> TrainedRun:
    """Learn what normal looks like: every row of `recording` is taken as normal, labels are never used.

    Parameters
    ----------
    checkpoint : Path, optional
        See `training.trainer.fit`.

    Raises
    ------
    RecordingError
        If the recording is too short, or has sensors that are refused.
    """
    nature = nature_of(recording)
    settings = settings.chosen_for(recording, nature)
    whole, (recording, findings) = recording, without_spoilers(recording, settings)
    quality = profile(whole, findings, nature)
    train_part, held_out_part = _split(recording, settings)
    rng = np.random.default_rng(settings.training.seed)
    # Of all rows: the device's mean starts from this centre, and the last quarter is as normal as the rest.
    preprocessing = fit_preprocessing(_whole(recording, settings), settings.preprocessing, rng, recording.rate_hz)
    limit = settings.window_limit(len(recording.sensors))
    inputs = preprocessing.transform(train_part.sample(limit, rng))
    held_out_inputs = preprocessing.transform(held_out_part.runs(limit))

    model = _model(inputs.shape[1], settings)
    kept = None if checkpoint is None else CheckpointFile(checkpoint, _fingerprint(recording, settings))
    history = fit(model, inputs, held_out_inputs, settings.training, on_epoch, kept)
    windows = _normal_windows(recording, settings)
    folder = RunFolder(
        name=recording.name,
        spec=DetectorSpec(
            tuple(Sensor(name) for name in recording.sensors),
            preprocessing,
            Scoring(settings.head, settings.smoothing_span, settings.mean_rate),
            recording.only_when,
        ),
        network=plain_network(model),
        windows=NormalWindows(windows, _codes(model, preprocessing.transform(windows))),
        is_series=nature.is_series,
        provenance=Provenance(_package_versions(), recording.sha256, settings.training.seed),
        training={
            "settings": asdict(settings),
            "rows": len(recording.values),
            "windows": len(inputs),
            "windows_there_were": len(train_part),
            "held_out_windows": len(held_out_inputs),
            "held_out_windows_there_were": len(held_out_part),
            "epochs": len(history),
            "findings": asdict(findings),
            "nature": asdict(nature),
            "profile": asdict(quality),
        },
    )
    return TrainedRun(folder, model, history, findings, nature, settings, quality)


def _normal_windows(recording: Recording, settings: DetectorSettings) -> FloatArray:
    """Return what export fits on: all windows, or runs of successive ones spread over the recording."""
    whole = _whole(recording, settings)
    window_bytes = 4 * whole.window * len(recording.sensors)
    return whole.runs(max(2, min(_KEPT_WINDOWS, _KEPT_BYTES // window_bytes)))


def _whole(recording: Recording, settings: DetectorSettings) -> Stretches:
    return _split(recording, replace(settings, validation_fraction=0.0))[0]


def _codes(model: SparseAutoencoder, inputs: FloatArray) -> FloatArray:
    starts = range(0, len(inputs), _BATCH)
    return np.concatenate([np.asarray(model.encoder(inputs[start : start + _BATCH])) for start in starts])


def _model(inputs: int, settings: DetectorSettings) -> SparseAutoencoder:
    options = {name: getattr(settings, name) for name in _MODEL_OPTIONS}
    if settings.preset:
        options["hidden"], options["code_size"] = preset_sizes(settings.preset, inputs)
    return SparseAutoencoder(inputs, **options, seed=settings.training.seed)


def _fingerprint(recording: Recording, settings: DetectorSettings) -> str:
    text = f"{recording.sha256} {recording.sensors} {recording.only_when} {len(recording.values)} {asdict(settings)}"
    return hashlib.sha256(text.encode()).hexdigest()


def without_spoilers(recording: Recording, settings: DetectorSettings) -> tuple[Recording, Findings]:
    """Return the recording without the sensors that `settings.sensor_policy` drops, and all that was found."""
    findings = find(_split(recording, settings)[0], recording.sensors)
    return apply(recording, findings, settings.sensor_policy), findings


def save_run(run: TrainedRun, path: Path, *, overwrite: bool = False) -> None:
    """Write the run folder; it appears whole or not at all.

    Raises
    ------
    OutputError
        If the folder is there already, or cannot be written.
    """
    check_output_folder(path, overwrite=overwrite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as temporary:
            new = Path(temporary) / "run"
            new.mkdir()
            run.folder.write(new)
            run.model.save(new / KERAS_FILE)
            (new / "history.csv").write_text(_history_csv(run.history))
            if path.exists():
                shutil.rmtree(path)
            new.rename(path)
    except OSError as error:
        raise unwritable(path, error) from error


def check_output_folder(path: Path, *, overwrite: bool) -> None:
    """Raise OutputError if `path` is there already and is not a run folder that may be replaced."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not (path / RUN_JSON).exists():
        raise OutputError(f"{path} is there already and is not a run folder. Choose another place with -o.")
    if not overwrite:
        raise OutputError(f"{path} holds a run already. Choose another place with -o, or replace it with --overwrite.")


def _split(recording: Recording, settings: DetectorSettings) -> tuple[Stretches, Stretches]:
    return split(recording, settings.window or 1, settings.stride, settings.validation_fraction)


def _history_csv(history: list[Epoch]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(asdict(history[0])), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(epoch) for epoch in history)
    return text.getvalue()


@functools.cache
def _package_versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in _PACKAGES if _installed(name)}


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
