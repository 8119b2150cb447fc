"""What is exported: a run folder, or a Keras model with its normal data."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.errors import ModelFileError, UsageError
from training.run_folder import RUN_JSON, RunFolder, read_run_folder


def is_run_folder(path: Path) -> bool:
    """Return whether `path` is a run folder; otherwise it may be a Keras model.

    Raises
    ------
    ModelFileError
        If it does not exist.
    UsageError
        If it is neither.
    """
    if not path.exists():
        raise ModelFileError(f"no such file or folder: {path}. Expected a run folder or a Keras model.")
    if path.is_file() and path.suffix not in (".keras", ".h5", ".hdf5"):
        raise UsageError(f"{path}: expected a run folder, a .keras or .h5 file, or a SavedModel folder.")
    return (path / RUN_JSON).is_file()


def read_source(path: Path, representative: Path | None = None, encoder_output: str | None = None) -> RunFolder:
    """Return the run at `path`. Only a Keras model needs tensorflow.

    Raises
    ------
    UsageError
        If an option does not apply to the source.
    ModelFileError
        If the source cannot be read, or holds a layer that cannot be exported.
    RecordingError
        If the normal data do not fit the model.
    """
    if is_run_folder(path):
        if representative or encoder_output:
            raise UsageError(
                "--representative and --encoder-output are for Keras models. A run folder brings its own windows, and "
                f"its code layer is known. Received: the run folder {path}"
            )
        return read_run_folder(path)
    if representative is None:
        raise UsageError(
            "a Keras model needs normal data to quantise with and to fit the threshold on. Expected "
            "--representative normal.csv (or .npy, .npz)"
        )
    from export.keras_source import run_from_keras

    return run_from_keras(path, representative, encoder_output)
