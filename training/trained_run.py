"""The result of training: a detector to inspect, save and export."""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path

from edge_runtime.common.atomic import unwritable
from edge_runtime.common.counted import counted
from edge_runtime.errors import OutputError
from training.autoencoder import SparseAutoencoder
from training.recordings.findings import Findings
from training.recordings.nature import Nature
from training.recordings.profile import Profile
from training.run_folder import KERAS_FILE, RUN_JSON, ChipBudget, RunFolder
from training.settings import DetectorSettings
from training.trainer import Epoch
from training.weights import Weights, model_of


@dataclass(frozen=True, repr=False)
class TrainedRun:
    """A trained detector: its printed form shows what was learnt; it can be saved as a run folder and exported.

    Parameters
    ----------
    folder : RunFolder
        What export needs.
    structure : str
        See `training.autoencoder.SparseAutoencoder.structure`.
    weights : Weights
        Everything that training changed.
    history : list of Epoch
    findings : Findings
        Sensors that were left out or drift.
    nature : Nature
        Series or table.
    settings : DetectorSettings
        Settings, including those that were chosen.
    profile : Profile
        Quality of the recording, sensor by sensor.
    """

    folder: RunFolder
    structure: str
    weights: Weights
    history: list[Epoch]
    findings: Findings
    nature: Nature
    settings: DetectorSettings
    profile: Profile

    @cached_property
    def model(self) -> SparseAutoencoder:
        """The full Keras model."""
        return model_of(self.structure, self.weights, self.settings.seed)

    def lines(self) -> list[str]:
        """Return one line of text per finding and decision about the recording."""
        preprocessing = self.folder.spec.preprocessing
        kind = "time series" if self.nature.is_series else "table of independent rows"
        features = f"{', '.join(preprocessing.features)} of {counted(preprocessing.window, 'reading')}"
        return [
            f"{kind} (autocorrelation {self.nature.autocorrelation:.2f}); features: {features}",
            *self.findings.lines(self.settings),
        ]

    def for_chip(self, budget: ChipBudget) -> TrainedRun:
        """Return the run with what its network was sized for."""
        return replace(self, folder=replace(self.folder, budget=budget))

    @property
    def summary(self) -> str:
        """One line: sensors, window, codes and validation loss."""
        preprocessing, sensors = self.folder.spec.preprocessing, len(self.folder.spec.sensors)
        codes = len(self.folder.network.encoder[-1].bias)
        text = (
            f"{counted(sensors, 'sensor')}, window {preprocessing.window} ({', '.join(preprocessing.features)}), "
            f"{counted(codes, 'code')}"
        )
        if not self.history:
            return f"{text}; not trained"
        best = min(self.history, key=lambda epoch: epoch.validation_loss)
        return (
            f"{text}; best of {counted(len(self.history), 'epoch')}: validation loss {best.validation_loss:.4f}, "
            f"mean activation {best.mean_activation:.3f}"
        )

    def __repr__(self) -> str:
        return "\n".join([f"{self.folder.name}: {self.summary}", *self.lines()])

    def save(self, folder: str | Path, *, overwrite: bool = False) -> Path:
        """Write the run folder atomically.

        Parameters
        ----------
        folder : str or Path
        overwrite : bool
            Replace a run folder that is there already.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        OutputError
            If the folder exists, or cannot be written.
        """
        path = Path(folder)
        check_output_folder(path, overwrite=overwrite)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as temporary:
                self._write(new := Path(temporary) / "run")
                if path.exists():
                    shutil.rmtree(path)
                new.rename(path)
        except OSError as error:
            raise unwritable(path, error) from error
        return path

    def _write(self, folder: Path) -> None:
        folder.mkdir()
        self.folder.write(folder)
        self.model.save(folder / KERAS_FILE)
        (folder / "history.csv").write_text(_history_csv(self.history))


def check_output_folder(path: Path, *, overwrite: bool) -> None:
    """Raise OutputError if `path` exists and is not a run folder that may be replaced."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not (path / RUN_JSON).exists():
        raise OutputError(f"{path} exists and is not a run folder. Choose another place with -o.")
    if not overwrite:
        raise OutputError(f"{path} already holds a run. Choose another place with -o, or replace it with --overwrite.")


def _history_csv(history: list[Epoch]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, [one.name for one in fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(epoch) for epoch in history)
    return text.getvalue()
