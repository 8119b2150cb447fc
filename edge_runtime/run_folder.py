"""The run folder: what training hands to export, readable with a text editor and numpy alone.

==================  ===================================================================================
``run.json``        sensors, preprocessing, head, network shape, training settings, package versions
``network.npz``     kernels and biases of the dense layers, as plain arrays
``head.npz``        mean and whitening of the scoring head
``windows.npz``     raw normal windows: a sample to quantise with, and the held-out ones with the full
                    model's codes and scores, which an exported file must reproduce
``model.keras``     the full model, penalty and all, for Keras
``history.csv``     loss, penalty and mean activation by epoch
==================  ===================================================================================

Training writes it and export reads it; neither imports the other.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.errors import ModelFileError, UsageError
from edge_runtime.heads import Head
from edge_runtime.json_codec import DecodeError, from_json, to_json
from edge_runtime.manifest import DetectorSpec, Provenance
from edge_runtime.preprocessing import FloatArray

SCHEMA = 1
RUN_JSON = "run.json"
KERAS_FILE = "model.keras"
THRESHOLD_METHODS = ("quantile", "far", "pot")


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
    """An autoencoder as plain weights; the decoder is empty where it is not needed.

    Parameters
    ----------
    encoder, decoder : tuple of DenseLayer
    kept : int
        Of each window's codes only so many, the largest, are kept and the others set to 0; 0 keeps all.
    """

    encoder: tuple[DenseLayer, ...]
    decoder: tuple[DenseLayer, ...] = ()
    kept: int = 0


@dataclass(frozen=True)
class NormalWindows:
    """Normal windows in raw sensor units.

    Parameters
    ----------
    representative : ndarray of shape (n, window, sensors), float32
        A sample of the training windows, for quantisation.
    held_out : ndarray of shape (m, window, sensors), float32
        Successive windows training never saw, in time order: the threshold is fitted on them.
    held_out_codes : ndarray of shape (m, units), float32
    held_out_scores : ndarray of shape (m,), float32
        Raw scores. Both as the full model gave them.
    """

    representative: FloatArray
    held_out: FloatArray
    held_out_codes: FloatArray
    held_out_scores: FloatArray


@dataclass(frozen=True)
class ThresholdRule:
    """How export fits the threshold on the exported file's own scores of held-out normal windows.

    Parameters
    ----------
    method : str
        One of `THRESHOLD_METHODS`: ``quantile`` (times `factor`), ``far`` (the quantile that leaves
        `target_far`), ``pot`` (the same read off a generalised Pareto distribution of the peaks).
    quantile, factor : float
        Of ``quantile``.
    target_far : float
        Of ``far`` and ``pot``: false alarms per normal window.
    check_fraction : float
        Share of the windows, the last in time, that are not fitted on: the false alarms are counted there.
    """

    method: str = "quantile"
    quantile: float = 0.999
    factor: float = 4 / 3
    target_far: float = 0.001
    check_fraction: float = 1 / 3

    def __post_init__(self) -> None:
        if self.method not in THRESHOLD_METHODS:
            raise UsageError(
                f"unknown threshold method: expected one of {', '.join(THRESHOLD_METHODS)}. Received: {self.method!r}"
            )
        if not (
            0 < self.quantile <= 1 and self.factor > 0 and 0 < self.target_far < 1 and 0 <= self.check_fraction < 1
        ):
            raise UsageError(
                "the threshold's quantile and target false-alarm rate lie between 0 and 1, its factor is above 0. "
                f"Received: quantile {self.quantile}, target {self.target_far}, factor {self.factor}"
            )

    @property
    def nominal_far(self) -> float:
        """False-alarm rate aimed at, per window."""
        return 1.0 - self.quantile if self.method == "quantile" else self.target_far

    def text(self) -> str:
        """Return the rule in words."""
        return {
            "quantile": f"{self.quantile:g} quantile of held-out normal scores x {self.factor:.4g}",
            "far": f"{self.target_far:g} of held-out normal scores above",
            "pot": f"{self.target_far:g} of the generalised Pareto tail of held-out normal scores above",
        }[self.method]


@dataclass(frozen=True)
class RunFolder:
    """The contents of a run folder that export needs."""

    name: str
    spec: DetectorSpec
    network: Network
    head: Head
    windows: NormalWindows
    threshold_rule: ThresholdRule
    provenance: Provenance
    training: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Write the files into an existing folder.

        Raises
        ------
        ModelFileError
            If a weight is not a finite number; then nothing is written.
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
            "threshold_rule": to_json(self.threshold_rule),
            "provenance": to_json(self.provenance),
            "training": self.training,
        }
        (folder / RUN_JSON).write_text(json.dumps(record, indent=1) + "\n")
        np.savez(folder / "network.npz", **_layer_arrays(self.network))
        np.savez(folder / "head.npz", mean=self.head.mean, whitening=self.head.whitening)
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
        head = _arrays(folder / "head.npz")
        return RunFolder(
            name=str(record["name"]),
            spec=spec,
            network=_network(_arrays(folder / "network.npz"), record["activations"], record.get("codes_kept", 0)),
            head=Head(spec.scoring.head, head["mean"], head["whitening"]),
            windows=NormalWindows(**_arrays(folder / "windows.npz")),
            threshold_rule=from_json(ThresholdRule, record["threshold_rule"], "threshold_rule"),
            provenance=from_json(Provenance, record["provenance"], "provenance"),
            training=record["training"],
        )
    except FileNotFoundError as error:
        raise ModelFileError(
            f"{folder} is not a run folder: {Path(error.filename).name} is missing. "
            "Expected a folder written by `saelite train`."
        ) from error
    except (OSError, KeyError, TypeError, ValueError, DecodeError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{folder} is damaged ({type(error).__name__}: {error}). Train it again.") from error


def _check_finite(run: RunFolder) -> None:
    arrays = {**_layer_arrays(run.network), "head_mean": run.head.mean, "head_whitening": run.head.whitening}
    broken = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if broken:
        raise ModelFileError(
            f"the training ended with weights that are no finite numbers: {', '.join(broken)}. Nothing was saved. "
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


def _arrays(path: Path) -> dict[str, FloatArray]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
