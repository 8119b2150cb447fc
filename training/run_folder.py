"""The run folder: what training hands to export, readable with just a text editor and numpy.

==================  ===================================================================================
``run.json``        sensors, preprocessing, what was asked of the scoring, network shape, training settings,
                    what was found in the recording, package versions
``network.npz``     kernels and biases of the dense layers, as plain arrays
``windows.npz``     raw normal windows with the full model's codes: export quantises with them, and fits
                    head, smoothing and threshold on what the quantised network gives for them
``model.keras``     the full model, penalty and all, for Keras
``history.csv``     loss, penalty and mean activation by epoch
==================  ===================================================================================

Training writes it and export reads it; this module is the only part of training that export imports.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edge_runtime.arrays import FloatArray, IntArray, NumberArray
from edge_runtime.errors import ModelFileError
from edge_runtime.model_file.json_codec import DecodeError, from_json, to_json
from edge_runtime.model_file.manifest import DetectorSpec, Provenance

SCHEMA = 2
RUN_JSON = "run.json"
KERAS_FILE = "model.keras"


@dataclass(frozen=True)
class DenseLayer:
    """A dense layer as plain weights.

    Parameters
    ----------
    kernel : ndarray of shape (inputs, units), float32
    bias : ndarray of shape (units,), float32
    activation : str
        A Keras activation name.
    """

    kernel: FloatArray
    bias: FloatArray
    activation: str


@dataclass(frozen=True)
class Network:
    """An autoencoder as plain weights; the decoder is empty if it is not needed.

    Parameters
    ----------
    encoder, decoder : tuple of DenseLayer
    kept : int
        Number of codes kept per window, the largest ones; the others are set to 0. 0 keeps all.
    """

    encoder: tuple[DenseLayer, ...]
    decoder: tuple[DenseLayer, ...] = ()
    kept: int = 0


@dataclass(frozen=True)
class NormalWindows:
    """Normal windows in raw sensor units, which export uses to quantise, fit and compare.

    Parameters
    ----------
    windows : ndarray of shape (n, window, sensors), float32
        In time order; if there were too many, runs of successive ones spread over the recording.
    codes : ndarray of shape (n, units), float32
        As the full model gave them.
    starts : ndarray of shape (m,), int64
        Numbers of the windows that do not follow the one before them; the first is 0.
    """

    windows: FloatArray
    codes: FloatArray
    starts: IntArray = field(default_factory=lambda: np.zeros(1, np.int64))


class ChipBudget(NamedTuple):
    """What a chip has for the detector.

    Parameters
    ----------
    flash, ram : int or None
        Bytes; None for any number.
    """

    flash: int | None = None
    ram: int | None = None

    def over(self, other: ChipBudget) -> ChipBudget:
        """Return this budget, and the other where this one leaves it open."""
        return ChipBudget(*(mine if mine is not None else its for mine, its in zip(self, other, strict=True)))


@dataclass(frozen=True)
class RunFolder:
    """The contents of a run folder that export needs.

    Parameters
    ----------
    spec : DetectorSpec
        Its scoring holds what was asked for; export chooses the rest, see `edge_runtime.model_file.manifest.Scoring`.
    is_series : bool
        Whether a window resembles the one before it, so that smoothing and mean tracking make sense.
    budget : ChipBudget
        What the network was sized for; export takes a head that fits.
    """

    name: str
    spec: DetectorSpec
    network: Network
    windows: NormalWindows
    is_series: bool
    provenance: Provenance
    training: dict[str, Any]
    budget: ChipBudget = ChipBudget()  # noqa: RUF009 - never changes

    def write(self, folder: Path) -> None:
        """Write the files into an existing folder.

        Raises
        ------
        ModelFileError
            If a weight is not finite; nothing is written then.
        """
        _check_finite(self)
        record = {
            "schema": SCHEMA,
            "name": self.name,
            "spec": to_json(self.spec),
            "activations": {
                "encoder": [layer.activation for layer in self.network.encoder],
                "decoder": [layer.activation for layer in self.network.decoder],
            },
            "codes_kept": self.network.kept,
            "is_series": self.is_series,
            "provenance": to_json(self.provenance),
            "training": self.training,
            "budget": to_json(self.budget),
        }
        (folder / RUN_JSON).write_text(json.dumps(record, indent=1) + "\n")
        np.savez(folder / "network.npz", **_layer_arrays(self.network))
        np.savez_compressed(folder / "windows.npz", **vars(self.windows))


def read_run_folder(folder: str | Path) -> RunFolder:
    """Read a run folder.

    Raises
    ------
    ModelFileError
        If the folder is missing, incomplete or damaged.
    """
    folder = Path(folder)
    try:
        record = json.loads((folder / RUN_JSON).read_text())
        if record["schema"] != SCHEMA:
            raise ModelFileError(
                f"{folder} has run-folder schema {record['schema']!r}, this saelite reads {SCHEMA}. Train it again."
            )
        spec = from_json(DetectorSpec, record["spec"], "spec")
        return RunFolder(
            name=str(record["name"]),
            spec=spec,
            network=_network(_arrays(folder / "network.npz"), record["activations"], record.get("codes_kept", 0)),
            windows=NormalWindows(**_arrays(folder / "windows.npz")),
            is_series=bool(record["is_series"]),
            provenance=from_json(Provenance, record["provenance"], "provenance"),
            training=record["training"],
            budget=from_json(ChipBudget, record.get("budget", {}), "budget"),
        )
    except FileNotFoundError as error:
        raise ModelFileError(
            f"{folder} is not a run folder: {Path(error.filename).name} is missing. "
            "Expected a folder written by `saelite train`."
        ) from error
    except (OSError, KeyError, TypeError, ValueError, DecodeError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{folder} is damaged ({type(error).__name__}: {error}). Train it again.") from error


def _check_finite(run: RunFolder) -> None:
    broken = [name for name, array in _layer_arrays(run.network).items() if not np.isfinite(array).all()]
    if broken:
        raise ModelFileError(
            f"the training ended with weights that are not finite: {', '.join(broken)}. Nothing was saved. "
            "Look for extreme values in the recording (--scaling robust), or choose a smaller --alpha."
        )


def _layer_arrays(network: Network) -> dict[str, FloatArray]:
    arrays = {}
    for part in ("encoder", "decoder"):
        for number, layer in enumerate(getattr(network, part)):
            arrays[f"{part}_{number}_kernel"] = layer.kernel
            arrays[f"{part}_{number}_bias"] = layer.bias
    return arrays


def _network(arrays: dict[str, FloatArray], activations: dict[str, list[str]], kept: int) -> Network:
    def layers(part: str) -> tuple[DenseLayer, ...]:
        return tuple(
            DenseLayer(arrays[f"{part}_{number}_kernel"], arrays[f"{part}_{number}_bias"], activation)
            for number, activation in enumerate(activations[part])
        )

    return Network(layers("encoder"), layers("decoder"), kept)


def _arrays(path: Path) -> dict[str, NumberArray]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
