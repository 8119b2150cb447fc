"""C of a detector's features and the constants they need."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from edge_runtime.arrays import FloatArray
from edge_runtime.signal.features import POWER_FLOOR, SPECTRA, band_matrix, hann_window, rows_of, slope_weights
from edge_runtime.signal.preprocessing import Preprocessing, gain
from export.c_library.c_text import floats, integers, single
from export.c_library.feature_templates import FEATURES, FUNCTIONS, INPUTS, MEAN, POWER


def feature_constants(preprocessing: Preprocessing) -> Iterable[str]:
    """Yield the arrays that features and their scaling need."""
    if "slope" in preprocessing.features:
        weights = floats(slope_weights(preprocessing.window))
        yield f"static const float slope_weights[@N@_WINDOW] = {{\n{weights}\n}};"
    if preprocessing.spectra:
        yield from _spectrum_constants(preprocessing)
    if preprocessing.feature_scale:
        yield "// Scaling of the features."
        yield f"static const float input_center[@N@_INPUTS] = {{\n{floats(preprocessing.feature_center)}\n}};"
        yield f"static const float input_gain[@N@_INPUTS] = {{\n{floats(gain(preprocessing.feature_scale))}\n}};"


def _spectrum_constants(preprocessing: Preprocessing) -> Iterable[str]:
    window = preprocessing.window
    phase = 2 * np.pi * np.arange(window) / window
    yield f"#define BINS {window // 2 + 1}  // frequencies, from 0 to half the rate of readings"
    yield f"#define BANDS {preprocessing.bands}"
    yield f"#define POWER_FLOOR {single(POWER_FLOOR)}"
    yield f"static const float hann[@N@_WINDOW] = {{\n{floats(hann_window(window))}\n}};"
    yield f"static const float cosine[@N@_WINDOW] = {{\n{floats(np.cos(phase))}\n}};"
    yield f"static const float sine[@N@_WINDOW] = {{\n{floats(-np.sin(phase))}\n}};"
    for name in sorted(preprocessing.spectra):
        first, count, weights = _runs(band_matrix(name, window, preprocessing.bands, preprocessing.rate_hz))
        yield f"static const int16_t {name}_first[BANDS] = {{\n{integers(first)}\n}};"
        yield f"static const int16_t {name}_count[BANDS] = {{\n{integers(count)}\n}};"
        yield f"static const float {name}_weights[{len(weights)}] = {{\n{floats(weights)}\n}};"


def feature_bytes(preprocessing: Preprocessing) -> int:
    """Return the bytes of these arrays."""
    window, floats_ = preprocessing.window, 0
    floats_ += window if "slope" in preprocessing.features else 0
    floats_ += 3 * window if preprocessing.spectra else 0
    floats_ += 2 * preprocessing.inputs if preprocessing.feature_scale else 0
    return 4 * floats_ + sum(4 * (len(counts) + sum(counts)) for counts in run_lengths(preprocessing))


def run_lengths(preprocessing: Preprocessing) -> list[list[int]]:
    """Return the number of frequencies in each band, of each spectrum."""
    window, bands, rate_hz = preprocessing.window, preprocessing.bands, preprocessing.rate_hz
    return [_runs(band_matrix(name, window, bands, rate_hz))[1] for name in sorted(preprocessing.spectra)]


def _runs(bands: FloatArray) -> tuple[list[int], list[int], FloatArray]:
    """Return first bin, number of bins and weights of each band, without the zeros at its ends."""
    first = [int(np.flatnonzero(band)[0]) for band in bands]
    last = [int(np.flatnonzero(band)[-1]) for band in bands]
    weights = np.concatenate([band[a : b + 1] for band, a, b in zip(bands, first, last, strict=True)])
    return first, [b - a + 1 for a, b in zip(first, last, strict=True)], weights


def feature_code(preprocessing: Preprocessing) -> Iterable[str]:
    """Yield the functions that write the inputs."""
    names, lines, row = preprocessing.features, [], 0
    if {"mean", "std"} & set(names):
        yield MEAN
    for name in names:
        if name in FUNCTIONS:
            yield FUNCTIONS[name]
        lines.append(FEATURES[name].replace("@row@", str(row)).replace("@row_plus@t", f"({row} + t)" if row else "t"))
        row += rows_of(name, preprocessing.window, preprocessing.bands)
    is_spectral = any(name in SPECTRA for name in names)
    if is_spectral:
        yield POWER
    code = INPUTS.replace("@power_call@", "  write_power(series, detector->power);\n" if is_spectral else "")
    if all(name in SPECTRA for name in names):
        code = code.replace("  const float *series = detector->series;\n", "")
        code = code.replace("write_power(series,", "write_power(detector->series,")
    yield code.replace("@features@", "\n".join(lines))
