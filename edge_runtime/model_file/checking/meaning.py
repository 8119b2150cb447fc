"""Checks of a manifest's values: finite, within bounds, and of consistent lengths.

`edge_runtime.model_file.json_codec` checks types. But an infinite threshold or a stride of 10⁹ has the right type, and
nothing would ever alarm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edge_runtime.errors import ModelFileError
from edge_runtime.inference.heads import PARTS
from edge_runtime.model_file.checking.leaves import between, check_leaves, expect
from edge_runtime.model_file.json_codec import DecodeError
from edge_runtime.model_file.manifest import Manifest
from edge_runtime.signal.cycle import PERIODS, Cycle
from edge_runtime.signal.features import FEATURES, MAX_SPECTRUM_WINDOW, SPECTRA
from edge_runtime.signal.preprocessing import UNLIMITED, Preprocessing

LONGEST_WINDOW = 1_000_000
LONGEST_STRIDE = 100_000
LONGEST_SPAN = 100_000
MOST_SENSORS = 100_000
MOST_MODES = 64
MOST_WINDOW_VALUES = 1 << 26
MOST_CYCLE_VALUES = 1 << 20
_LARGEST = float(np.finfo(np.float32).max)
_SMALLEST_SCALE = 1e-38
"""Below, its inverse is infinite in float32."""


def check_manifest(manifest: Manifest) -> None:
    """Check every value of a manifest.

    Raises
    ------
    ModelFileError
        With the first invalid field.
    """
    try:
        check_leaves(manifest)
        _check_spec(manifest)
        _check_threshold(manifest)
        _check_found(manifest)
        _check_quantization(manifest)
        _check_drift(manifest)
    except DecodeError as error:
        raise ModelFileError(
            f"the manifest is invalid ({error}). Export the file again, and do not use this one."
        ) from error


def _check_spec(manifest: Manifest) -> None:
    spec, scoring = manifest.spec, manifest.spec.scoring
    names = spec.sensor_names
    expect(f"1 to {MOST_SENSORS} sensors", len(names), "spec.sensors", when=1 <= len(names) <= MOST_SENSORS)
    expect("different names", f"{len(names)} with some alike", "spec.sensors", when=len(set(names)) == len(names))
    _check_preprocessing(spec.preprocessing, len(names))
    expect(f"one of {', '.join(PARTS)}", scoring.head, "spec.scoring.head", when=scoring.head in PARTS)
    between(1, LONGEST_SPAN, scoring.smoothing_span, "spec.scoring.smoothing_span")
    for name in ("mean_rate", "scale_rate"):
        rate = getattr(scoring, name)
        expect("0 to below 1", rate, f"spec.scoring.{name}", when=0 <= rate < 1)
    _check_cycles(spec.cycles, len(names))
    expect(f"at most {MOST_MODES} modes", len(spec.modes), "spec.modes", when=len(spec.modes) <= MOST_MODES)
    for number, levels in enumerate(spec.modes):
        at = f"spec.modes[{number}]"
        expect(f"{len(names)} values", len(levels), at, when=len(levels) == len(names))
        _all(levels, lambda value: abs(value) <= _LARGEST, "within float32", at)


def _check_cycles(cycles: Sequence[Cycle], sensors: int) -> None:
    periods = [one.period_s for one in cycles]
    expect("at most one cycle of each period", periods, "spec.cycles", when=len(set(periods)) == len(periods))
    for number, (period_s, offsets) in enumerate(cycles):
        at = f"spec.cycles[{number}]"
        expect("a day or a week in seconds", period_s, f"{at}.period_s", when=period_s in PERIODS)
        bins, most = len(offsets), MOST_CYCLE_VALUES // sensors
        expect(f"1 to {most} bins", bins, f"{at}.offsets", when=1 <= bins <= most)
        for row, values in enumerate(offsets):
            path = f"{at}.offsets[{row}]"
            expect(f"{sensors} values", len(values), path, when=len(values) == sensors)
            _all(values, lambda value: abs(value) <= _LARGEST, "within float32", path)


def _check_preprocessing(preprocessing: Preprocessing, sensors: int) -> None:
    at = "spec.preprocessing"
    between(1, LONGEST_WINDOW, preprocessing.window, f"{at}.window")
    between(1, LONGEST_STRIDE, preprocessing.stride, f"{at}.stride")
    values = preprocessing.window * sensors
    expect(f"at most {MOST_WINDOW_VALUES} values a window", values, f"{at}.window", when=values <= MOST_WINDOW_VALUES)
    _check_scaling(preprocessing.center, preprocessing.scale, sensors, at, "")
    limit = preprocessing.limit
    expect(f"above 0, at most {UNLIMITED:g}", limit, f"{at}.limit", when=0 < limit <= UNLIMITED)
    _check_features(preprocessing, at)
    inputs = preprocessing.inputs
    expect(f"at most {MOST_WINDOW_VALUES} inputs", inputs, f"{at}.features", when=inputs <= MOST_WINDOW_VALUES)
    if preprocessing.feature_center or preprocessing.feature_scale:
        _check_scaling(preprocessing.feature_center, preprocessing.feature_scale, inputs, at, "feature_")


def _check_features(preprocessing: Preprocessing, at: str) -> None:
    features, window, rate_hz = preprocessing.features, preprocessing.window, preprocessing.rate_hz
    known = 1 <= len(features) <= len(FEATURES) and set(features) <= set(FEATURES)
    expect(f"of {', '.join(FEATURES)}", features, f"{at}.features", when=known)
    between(0, MAX_SPECTRUM_WINDOW, preprocessing.bands, f"{at}.bands")
    expect("0 or more", rate_hz, f"{at}.rate_hz", when=0 <= rate_hz <= _LARGEST)
    if not set(features) & set(SPECTRA):
        return
    expect(f"2 to {MAX_SPECTRUM_WINDOW} with spectra", window, f"{at}.window", when=2 <= window <= MAX_SPECTRUM_WINDOW)
    expect("at least 1 with spectra", preprocessing.bands, f"{at}.bands", when=preprocessing.bands >= 1)
    expect("above 0 with logmel", rate_hz, f"{at}.rate_hz", when="logmel" not in features or rate_hz > 0)


def _check_scaling(center: Sequence[float], scale: Sequence[float], count: int, at: str, kind: str) -> None:
    for name, values in (("center", center), ("scale", scale)):
        expect(f"{count} values", len(values), f"{at}.{kind}{name}", when=len(values) == count)
    _all(center, lambda value: abs(value) <= _LARGEST, "within float32", f"{at}.{kind}center")
    _all(scale, lambda value: _SMALLEST_SCALE <= value <= _LARGEST, "above 0 in float32", f"{at}.{kind}scale")


def _all(values: Sequence[float], fits: Any, expected: str, path: str) -> None:
    for number, value in enumerate(values):
        expect(expected, value, f"{path}[{number}]", when=fits(value))


def _check_threshold(manifest: Manifest) -> None:
    threshold = manifest.threshold
    value = threshold.value
    expect("above 0, within float32", value, "threshold.value", when=_SMALLEST_SCALE <= value <= _LARGEST)
    expect("'>'", threshold.comparison, "threshold.comparison", when=threshold.comparison == ">")
    for name in ("target_far", "target_far_upper"):
        rate = getattr(threshold, name)
        expect("a share from 0 to 1", rate, f"threshold.{name}", when=0 <= rate <= 1)
    for name in ("n_windows", "n_effective", "promised", "promised_upper", "more_s", "n_settling"):
        number = getattr(threshold, name)
        expect("0 or more", number, f"threshold.{name}", when=number is None or number >= 0)


def _check_found(manifest: Manifest) -> None:
    """Check export's findings about its choice and about each sensor."""
    for number, tried in enumerate(manifest.tried):
        share = tried.detection
        expect("a share from 0 to 1", share, f"tried[{number}].detection", when=0 <= share <= 1)
    bands, sensors = manifest.bands, len(manifest.spec.sensors)
    expect(f"{sensors} values or none", len(bands), "bands", when=len(bands) in (0, sensors))
    _all(bands, lambda value: 0 <= value <= _LARGEST, "0 or more, within float32", "bands")
    expect("0 or more", manifest.version, "version", when=manifest.version >= 0)
    for number, check in enumerate(manifest.runtimes):
        expect("0 or more", check.arena_bytes, f"runtimes[{number}].arena_bytes", when=check.arena_bytes >= 0)
    for number, span in enumerate(manifest.spans):
        between(1, LONGEST_SPAN, span, f"spans[{number}]")


def _check_quantization(manifest: Manifest) -> None:
    quantization = manifest.quantization
    _check_scale(quantization.input_scale, quantization.input_zero_point, "quantization.input")
    names = [output.name for output in manifest.outputs]
    expect("different names", names, "outputs", when=len(set(names)) == len(names))
    for number, output in enumerate(manifest.outputs):
        _check_scale(output.scale, output.zero_point, f"outputs[{number}]")
    known = manifest.graph in ("detector", "network")
    expect("detector or network", manifest.graph, "graph", when=known)


def _check_scale(scale: float, zero_point: int, path: str) -> None:
    expect("a scale of 0 or more", scale, path, when=scale == 0 or _SMALLEST_SCALE <= scale <= _LARGEST)
    between(-32768, 32767, zero_point, path)


def _check_drift(manifest: Manifest) -> None:
    if manifest.drift is not None:
        between(1, LONGEST_WINDOW, manifest.drift.window, "drift.window")
        expect("0 or more", manifest.drift.limit, "drift.limit", when=manifest.drift.limit >= 0)
