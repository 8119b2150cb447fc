"""Recording in, run folder out."""

from __future__ import annotations

import csv
import importlib.metadata
import io
import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras
import numpy as np

from edge_runtime.atomic import unwritable
from edge_runtime.errors import OutputError, RecordingError
from edge_runtime.manifest import DetectorSpec, Provenance, Scoring, Sensor
from edge_runtime.preprocessing import FloatArray, Preprocessing, sliding_windows
from edge_runtime.run_folder import KERAS_FILE, RUN_JSON, NormalWindows, RunFolder, ThresholdRule
from training.autoencoder import SparseAutoencoder, plain_network
from training.heads import fit_head
from training.parts import head_parts
from training.recordings import Recording
from training.trainer import Epoch, OnEpoch, TrainingSettings, fit

_REPRESENTATIVE_WINDOWS = 1000
_PACKAGES = ("saelite", "tensorflow", "keras", "numpy", "scikit-learn")


@dataclass(frozen=True)
class DetectorSettings:
    """What to learn.

    Parameters
    ----------
    window, stride : int
        Readings the network sees at once, readings between two windows.
    code_size, hidden, rho, alpha
        See `training.autoencoder.SparseAutoencoder`.
    head : str
        See `edge_runtime.heads`.
    smoothing_span : int
        Windows of the scores' moving average.
    validation_fraction : float
        Share of the recording, its last part in time, that training never sees: it stops the training, and
        the threshold is fitted on it.
    """

    window: int = 1
    stride: int = 1
    code_size: int = 32
    hidden: tuple[int, ...] = ()
    rho: float = 0.05
    alpha: float = 0.1
    head: str = "t2x"
    smoothing_span: int = 30
    validation_fraction: float = 0.25
    threshold_rule: ThresholdRule = field(default_factory=ThresholdRule)
    training: TrainingSettings = field(default_factory=TrainingSettings)


@dataclass(frozen=True)
class TrainedRun:
    """A trained detector, not yet on disk."""

    folder: RunFolder
    model: SparseAutoencoder
    history: list[Epoch]


def train(recording: Recording, settings: DetectorSettings, on_epoch: OnEpoch = lambda _: None) -> TrainedRun:
    """Learn what normal looks like: every row of `recording` is taken as normal, labels are never used.

    Raises
    ------
    RecordingError
        If the recording is too short, or no sensor ever moves.
    """
    train_rows, held_out_rows = _split(recording.values, settings)
    _check_moving(train_rows, recording.sensors)
    preprocessing = fit_preprocessing(train_rows, settings)
    windows = sliding_windows(train_rows, settings.window, settings.stride)
    held_out = np.ascontiguousarray(sliding_windows(held_out_rows, settings.window, settings.stride))
    inputs, held_out_inputs = preprocessing.transform(windows), preprocessing.transform(held_out)

    keras.utils.set_random_seed(settings.training.seed)
    model = SparseAutoencoder(
        inputs.shape[1], settings.code_size, settings.hidden, rho=settings.rho, alpha=settings.alpha
    )
    history = fit(model, inputs, held_out_inputs, settings.training, on_epoch)
    head = fit_head(settings.head, head_parts(model, inputs))
    parts = head_parts(model, held_out_inputs)
    rng = np.random.default_rng(settings.training.seed)
    chosen = np.sort(rng.permutation(len(windows))[:_REPRESENTATIVE_WINDOWS])
    folder = RunFolder(
        name=recording.name,
        spec=DetectorSpec(
            tuple(Sensor(name) for name in recording.sensors),
            preprocessing,
            Scoring(settings.head, settings.smoothing_span),
        ),
        network=plain_network(model),
        head=head,
        windows=NormalWindows(np.ascontiguousarray(windows[chosen]), held_out, parts["codes"], head.score(parts)),
        threshold_rule=settings.threshold_rule,
        provenance=Provenance(_package_versions(), recording.sha256, settings.training.seed),
        training={"settings": asdict(settings), "rows": len(recording.values), "epochs": len(history)},
    )
    return TrainedRun(folder, model, history)


def fit_preprocessing(rows: FloatArray, settings: DetectorSettings) -> Preprocessing:
    """Return standard scaling fitted on `rows`, shape (n, sensors)."""
    center, scale = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
    return Preprocessing("standard", tuple(center.tolist()), tuple(scale.tolist()), settings.window, settings.stride)


def constant_sensors(rows: FloatArray, sensors: tuple[str, ...]) -> tuple[str, ...]:
    """Return the sensors that never move in `rows`, beyond what float32 rounds off."""
    span, size = np.ptp(rows, axis=0), np.abs(rows).max(axis=0)
    return tuple(name for name, still in zip(sensors, span <= 1e-6 * size, strict=True) if still)


def without_constant_sensors(recording: Recording, settings: DetectorSettings) -> tuple[Recording, tuple[str, ...]]:
    """Return the recording without sensors that never move in the training rows, and their names."""
    dropped = constant_sensors(_split(recording.values, settings)[0], recording.sensors)
    return recording.without(dropped), dropped


def _check_moving(rows: FloatArray, sensors: tuple[str, ...]) -> None:
    # Nothing can be learnt from a sensor that never moves, and any later move would be infinitely odd.
    names = constant_sensors(rows, sensors)
    if names:
        raise RecordingError(
            f"{len(names)} sensor(s) never move in the training rows: {', '.join(names)}. "
            f"Expected sensors that vary. Leave them out with --on-constant drop, or --exclude {','.join(names)}"
        )


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


def _split(rows: FloatArray, settings: DetectorSettings) -> tuple[FloatArray, FloatArray]:
    """Cut the recording in time: the first part to learn from, the last to check with."""
    held_out = round(len(rows) * settings.validation_fraction)
    if min(len(rows) - held_out, held_out) < settings.window + 1:
        raise RecordingError(
            f"the recording has {len(rows)} row(s), too few to learn from: a window of {settings.window} needs "
            f"at least {round((settings.window + 1) / min(settings.validation_fraction, 0.5)) + 1}. "
            "Record more, or choose a smaller --window."
        )
    return rows[: len(rows) - held_out], rows[len(rows) - held_out :]


def _history_csv(history: list[Epoch]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(asdict(history[0])), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(epoch) for epoch in history)
    return text.getvalue()


def _package_versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in _PACKAGES if _installed(name)}


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
