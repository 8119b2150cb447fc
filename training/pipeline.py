"""Recording in, run folder out."""

from __future__ import annotations

import csv
import functools
import hashlib
import importlib.metadata
import io
import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from edge_runtime.atomic import unwritable
from edge_runtime.errors import OutputError
from edge_runtime.head_fitting import fit_head
from edge_runtime.heads import Head
from edge_runtime.manifest import DetectorSpec, Provenance, Scoring, Sensor
from edge_runtime.preprocessing import FloatArray, Preprocessing
from edge_runtime.run_folder import KERAS_FILE, RUN_JSON, NormalWindows, RunFolder, ThresholdRule
from training.autoencoder import SparseAutoencoder, plain_network
from training.checkpoint import CheckpointFile
from training.head_choice import HeadChoice, choose_head
from training.parts import head_parts
from training.preprocessing import PreprocessingSettings, fit_preprocessing
from training.presets import preset_sizes
from training.recordings import Recording
from training.recordings.findings import Findings, SensorPolicy, apply, find
from training.recordings.windows import Stretches, split
from training.trainer import Epoch, OnEpoch, TrainingSettings, fit

_REPRESENTATIVE_WINDOWS = 1000
_WINDOW_BYTES = 2**27
_MODEL_OPTIONS = (
    "code_size", "hidden", "rho", "alpha", "penalty", "momentum", "code_activation", "tied", "noise",
)  # fmt: skip
_PACKAGES = ("saelite", "tensorflow", "keras", "numpy", "scikit-learn")


@dataclass(frozen=True)
class DetectorSettings:
    """What to learn.

    Parameters
    ----------
    window, stride : int
        Readings the network sees at once, readings between two windows.
    code_size, hidden, rho, alpha, penalty, momentum, code_activation, tied, noise
        See `training.autoencoder.SparseAutoencoder`.
    preset : str, optional
        Sizes for a budget instead of `hidden` and `code_size`, see `training.presets`.
    head : str
        See `edge_runtime.heads`; ``auto`` chooses one, see `training.head_choice`.
    smoothing_span : int
        Windows of the scores' moving average.
    mean_rate : float
        For the device: see `edge_runtime.manifest.Scoring`. Nothing is learnt otherwise for it.
    validation_fraction : float
        Share of the recording, its last part in time, that training never sees: it stops the training, and
        the threshold is fitted on it. With 0 the training windows serve for both, for recordings too short to
        hold some back.
    preprocessing : PreprocessingSettings
        Scaling and features.
    max_windows : int
        Windows to learn from, and to check with, at most, and no more than 128 MB of them. Of more, these are
        taken evenly over the time.
    sensor_policy : SensorPolicy
        What to do with sensors that never move, repeat another, or drift.
    """

    window: int = 1
    stride: int = 1
    code_size: int = 32
    hidden: tuple[int, ...] = ()
    rho: float = 0.05
    alpha: float = 0.1
    penalty: str = "kl"
    momentum: float = 0.0
    code_activation: str = "sigmoid"
    tied: bool = False
    noise: float = 0.0
    preset: str | None = None
    head: str = "t2x"
    smoothing_span: int = 30
    mean_rate: float = 0.0
    validation_fraction: float = 0.25
    preprocessing: PreprocessingSettings = field(default_factory=PreprocessingSettings)
    max_windows: int = 200_000
    sensor_policy: SensorPolicy = field(default_factory=SensorPolicy)
    threshold_rule: ThresholdRule = field(default_factory=ThresholdRule)
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def window_limit(self, sensors: int) -> int:
        """Return how many windows are used at most."""
        return max(2, min(self.max_windows, _WINDOW_BYTES // (4 * self.window * sensors)))


@dataclass(frozen=True)
class TrainedRun:
    """A trained detector, not yet on disk."""

    folder: RunFolder
    model: SparseAutoencoder
    history: list[Epoch]
    findings: Findings
    head_choice: HeadChoice | None = None


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
    recording, findings = without_spoilers(recording, settings)
    train_part, held_out_part = _split(recording, settings)
    rng = np.random.default_rng(settings.training.seed)
    preprocessing = fit_preprocessing(train_part, settings.preprocessing, rng, recording.rate_hz)
    windows = train_part.sample(settings.window_limit(len(recording.sensors)), rng)
    held_out = held_out_part.runs(settings.window_limit(len(recording.sensors)))
    inputs, held_out_inputs = preprocessing.transform(windows), preprocessing.transform(held_out)

    model = _model(inputs.shape[1], settings)
    kept = None if checkpoint is None else CheckpointFile(checkpoint, _fingerprint(recording, settings))
    history = fit(model, inputs, held_out_inputs, settings.training, on_epoch, kept)
    choice, head = _head(model, inputs, held_out, preprocessing, settings)
    parts = head_parts(model, held_out_inputs)
    chosen = np.sort(rng.permutation(len(windows))[:_REPRESENTATIVE_WINDOWS])
    folder = RunFolder(
        name=recording.name,
        spec=DetectorSpec(
            tuple(Sensor(name) for name in recording.sensors),
            preprocessing,
            Scoring(head.kind, settings.smoothing_span, settings.mean_rate),
            recording.only_when,
        ),
        network=plain_network(model),
        head=head,
        windows=NormalWindows(windows[chosen], held_out, parts["codes"], head.score(parts)),
        threshold_rule=settings.threshold_rule,
        provenance=Provenance(_package_versions(), recording.sha256, settings.training.seed),
        training={
            "settings": asdict(settings),
            "rows": len(recording.values),
            "windows": len(windows),
            "windows_there_were": len(train_part),
            "held_out_windows_there_were": len(held_out_part),
            "epochs": len(history),
            "findings": asdict(findings),
            "head_choice": None if choice is None else asdict(choice),
        },
    )
    return TrainedRun(folder, model, history, findings, choice)


def _model(inputs: int, settings: DetectorSettings) -> SparseAutoencoder:
    options = {name: getattr(settings, name) for name in _MODEL_OPTIONS}
    if settings.preset:
        options["hidden"], options["code_size"] = preset_sizes(settings.preset, inputs)
    return SparseAutoencoder(inputs, **options, seed=settings.training.seed)


def _fingerprint(recording: Recording, settings: DetectorSettings) -> str:
    text = f"{recording.sha256} {recording.sensors} {recording.only_when} {len(recording.values)} {asdict(settings)}"
    return hashlib.sha256(text.encode()).hexdigest()


def _head(
    model: SparseAutoencoder,
    inputs: FloatArray,
    held_out: FloatArray,
    preprocessing: Preprocessing,
    settings: DetectorSettings,
) -> tuple[HeadChoice | None, Head]:
    parts = head_parts(model, inputs)
    if settings.head != "auto":
        return None, fit_head(settings.head, parts)

    def make_parts(windows: FloatArray) -> dict[str, FloatArray]:
        return head_parts(model, preprocessing.transform(windows))

    return choose_head(make_parts, parts, held_out, preprocessing, settings.smoothing_span)


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
    return split(recording, settings.window, settings.stride, settings.validation_fraction)


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
