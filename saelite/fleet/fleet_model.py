"""A fleet's common model, `training.common_model.CommonModel`, with the run folder and the file of its network.

Assets may start from its weights (`FleetModel.start`). It lends its network to those whose own fit failed
(`FleetModel.borrowed`), and what it cannot reconstruct says how an asset differs from the others (`FleetModel.errors`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.arrays import FloatArray
from edge_runtime.errors import RecordingError
from edge_runtime.inference.runtimes import find_runtime
from edge_runtime.model_file.container import ModelFile
from edge_runtime.refitting.adapt import AdaptSettings, adapt
from edge_runtime.refitting.normal_readings import NormalReadings, Shape
from edge_runtime.signal.preprocessing import Preprocessing
from saelite.fleet.assets import Asset
from saelite.fleet.fleet_settings import FleetSettings
from training.common_model import CommonModel
from training.recordings import Recording
from training.run_folder import NormalWindows, RunFolder

SAMPLED = 24
_ROWS = 5000
_FEWEST = 3
_ERROR_WINDOWS = 2000
_KEPT_WINDOWS = 100


@dataclass(frozen=True)
class FleetModel:
    """A network learnt from a sample of the fleet, each asset of it scaled by itself.

    Parameters
    ----------
    start : CommonModel
        As it was fitted.
    folder : RunFolder
        Its network, and the preprocessing of rows that were scaled to mean 0 and standard deviation 1 by asset. Only
        some of the windows it was learnt from are kept.
    content : bytes
        As a model file, unsigned.
    """

    start: CommonModel
    folder: RunFolder
    content: bytes

    @property
    def sensors(self) -> tuple[str, ...]:
        """Its sensors in order, without those that never move."""
        return self.folder.spec.sensor_names

    @property
    def preprocessing(self) -> Preprocessing:
        """Of rows that were scaled by asset."""
        return self.folder.spec.preprocessing

    def fits(self, recording: Recording) -> bool:
        """Return whether a recording has all of its sensors."""
        return set(self.sensors) <= set(recording.sensors)

    def errors(self, recording: Recording) -> npt.NDArray[np.float64]:
        """Return the mean squared error of each sensor's reconstruction, in the recording's order.

        0 for a sensor that the model does not have.

        Raises
        ------
        RecordingError
            If there are fewer than two windows.
        """
        from export.network_parts import network_parts
        from training.recordings.stretches import split

        own = scaled(_with(recording, self.sensors))
        whole = split(own, self.preprocessing.window, self.preprocessing.stride, 0.0)[0]
        windows = whole.take(whole.runs(_ERROR_WINDOWS))
        residual = network_parts(self.folder.network, self.preprocessing.transform(windows))["residual"]
        by_sensor = (residual**2).mean(axis=0).reshape(-1, len(self.sensors)).mean(axis=0)
        found = dict(zip(self.sensors, by_sensor.tolist(), strict=True))
        return np.array([found.get(name, 0.0) for name in recording.sensors])

    def borrowed(self, recording: Recording, settings: FleetSettings) -> ModelFile:
        """Return a model file for a recording: the common network, with scaling, head and threshold of its own.

        Raises
        ------
        RecordingError
            If it lacks a sensor, or has fewer than 20 windows.
        ModelFileError
            If a runtime refuses the file.
        """
        if not self.fits(recording):
            missing = [name for name in self.sensors if name not in recording.sensors]
            raise RecordingError(f"{recording.name} lacks {', '.join(missing)}, which the fleet's common model needs.")
        own = _with(recording, self.sensors)
        readings = NormalReadings(Shape.of(self.preprocessing))
        edges = sorted({*own.starts, *own.breaks, len(own.values)})
        for start, stop in pairwise(edges):
            readings.add(own.values[start:stop], follows=False)
        step_s = 1.0 / own.rate_hz if own.rate_hz else math.nan
        options = AdaptSettings(find_runtime("auto"), false_alarms=settings.export.false_alarms)
        made = adapt(self.content, Path(recording.name), readings, step_s, options).model
        return _of_its_own(made, own, settings.export.model_version)


@dataclass(frozen=True)
class FleetModelFit:
    """The task of fitting a common model: takes one item, the assets to choose a sample from."""

    settings: FleetSettings

    def __call__(self, items: Sequence[tuple[Asset, ...]]) -> list[FleetModel | str]:
        """Return the model, or why there is none."""
        return [fit_fleet_model(item, self.settings) for item in items]


def fit_fleet_model(sample: Sequence[Asset], settings: FleetSettings) -> FleetModel | str:
    """Return the common model of some assets, or why there is none.

    It is learnt from those that have the sensors that most of them have.
    """
    from edge_runtime.errors import SaeliteError
    from saelite.workstation import require_workstation

    require_workstation("fleet train")
    read = [one for one in (_read(asset, settings) for asset in sample) if one is not None]
    kinds = Counter(frozenset(one.sensors) for one in read)
    usual, count = kinds.most_common(1)[0] if kinds else (frozenset(), 0)
    if count < _FEWEST:
        return f"only {count} of {len(sample)} assets looked at have the same sensors; expected at least {_FEWEST}"
    alike = [one for one in read if frozenset(one.sensors) == usual]
    try:
        return _fitted([_with(one, alike[0].sensors) for one in alike], settings)
    except SaeliteError as error:
        return str(error)


def _fitted(alike: Sequence[Recording], settings: FleetSettings) -> FleetModel:
    """Return the common model of recordings with the same sensors; its run folder has them all together."""
    from export.export_run import ExportSettings, export_run
    from training.common_fit import fit_common_model
    from training.pipeline import train

    start = fit_common_model(alike, settings.detector)
    as_it_is = replace(settings.detector, window=start.window, features=start.features, epochs=0)
    run = train(together([_with(one, start.sensors) for one in alike]), as_it_is, start=start)
    if not run.folder.training["started_from_assets"]:
        raise RecordingError("the assets looked at differ too much to be learnt as one: other sensors are left out")
    model = export_run(run.folder, ExportSettings(settings.export.quantize, settings.export.target))
    windows = run.folder.windows
    some = NormalWindows(windows.windows[:_KEPT_WINDOWS], windows.codes[:_KEPT_WINDOWS])
    return FleetModel(start, replace(run.folder, windows=some), model.to_bytes())


def sample_of(assets: Sequence[Asset], seed: int) -> tuple[Asset, ...]:
    """Return some assets, drawn at random; the same seed draws the same ones."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(assets), min(SAMPLED, len(assets)), replace=False)
    return tuple(assets[number] for number in sorted(chosen.tolist()))


def together(recordings: Sequence[Recording]) -> Recording:
    """Return recordings with the same sensors, one after the other, each scaled by itself."""
    sensors = recordings[0].sensors
    cut = [scaled(one) for one in recordings]
    starts = np.cumsum([0, *(len(one.values) for one in cut)])
    rates = {one.rate_hz for one in cut}
    return Recording(
        "common",
        sensors,
        np.concatenate([one.values for one in cut]),
        starts=tuple(starts[:-1].tolist()),
        breaks=tuple(
            int(start) + row
            for start, one in zip(starts, cut, strict=False)
            for row in sorted({*one.starts[1:], *one.breaks})
        ),
        rate_hz=rates.pop() if len(rates) == 1 else 0.0,
        only_when="",
    )


def scaled(recording: Recording) -> Recording:
    """Return a recording with every sensor at mean 0 and standard deviation 1; 0 where it never moves."""
    values = np.asarray(recording.values, np.float64)
    deviation = values.std(axis=0)
    still = deviation <= 1e-6 * np.abs(values).max(axis=0)
    whitened = np.where(still, 0.0, (values - values.mean(axis=0)) / np.where(still, 1.0, deviation))
    return replace(recording, values=whitened.astype(np.float32))


def _read(asset: Asset, settings: FleetSettings) -> Recording | None:
    try:
        return _first_rows(asset.read(settings.selection))
    except Exception:  # noqa: BLE001 - its own turn says what is wrong with it
        return None


def _with(recording: Recording, sensors: tuple[str, ...]) -> Recording:
    columns = [recording.sensors.index(name) for name in sensors]
    values: FloatArray = recording.values[:, columns]
    return replace(recording, sensors=sensors, values=values)


def _first_rows(recording: Recording) -> Recording:
    """Return the first rows: the sample's assets are in memory together."""
    return replace(
        recording,
        values=recording.values[:_ROWS].copy(),
        times=None if recording.times is None else recording.times[:_ROWS].copy(),
        breaks=tuple(row for row in (*recording.starts[1:], *recording.breaks) if row < _ROWS),
        starts=(0,),
    )


def _of_its_own(model: ModelFile, recording: Recording, version: int) -> ModelFile:
    """Return a file that counts as the maker's: no device adapted it, and a device may."""
    manifest: Any = model.manifest
    preprocessing = manifest.spec.preprocessing
    if "logmel" not in preprocessing.features:  # whose bands the rate decides
        preprocessing = replace(preprocessing, rate_hz=recording.rate_hz)
    spec = manifest.spec._replace(preprocessing=preprocessing, only_when=recording.only_when)
    provenance = manifest.provenance._replace(data_sha256=recording.sha256)
    named = replace(manifest, name=recording.name, version=version, spec=spec, provenance=provenance, parent=None)
    return replace(model, manifest=named, parent=b"")
