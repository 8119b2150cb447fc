"""Checks of a file's arrays against its manifest and each other: head, attribution, reference windows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edge_runtime.arrays import NumberArray
from edge_runtime.errors import ModelFileError
from edge_runtime.inference.packed_head import LARGEST, PackedHead
from edge_runtime.model_file.manifest import Manifest

Arrays = Mapping[str, NumberArray]


def check_arrays(arrays: Arrays, manifest: Manifest) -> None:
    """Check the arrays of any file: numbers are finite, and reference windows have their results.

    Raises
    ------
    ModelFileError
        With the first array that does not match.
    """
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise unlike(f"finite numbers in {name!r:.80}", "NaN or infinity")
    if "reference_windows" in arrays:
        _check_reference(arrays, manifest)


def check_head(arrays: Arrays, manifest: Manifest, width: int | None) -> None:
    """Check the head, and the attribution if there is one, of a file whose host scores.

    Parameters
    ----------
    width : int or None
        Values the head takes; None if the graph leaves it open.

    Raises
    ------
    ModelFileError
        With the first array that does not match.
    """
    modes = _check_packed(arrays, manifest, width) if "head_factor" in arrays else _check_whitening(arrays, width)
    if any(name.startswith("attribution_") for name in arrays):
        _check_attribution(arrays, manifest, modes)


def _check_whitening(arrays: Arrays, width: int | None) -> int:
    """Check a head in full precision; return the number of its centres."""
    if not {"head_mean", "head_whitening"} <= set(arrays):
        raise unlike("a head's mean and whitening", sorted(arrays))
    mean, whitening, centers = arrays["head_mean"], arrays["head_whitening"], arrays.get("head_centers")
    _check_mean(mean, width)
    count = 1 if centers is None else len(centers) if centers.ndim else 0
    shape = whitening.shape
    matrices = ((count,) if centers is not None else ()), (len(mean),)
    if shape != mean.shape and (shape[:-1] not in (matrices[1], matrices[0] + matrices[1]) or not shape[-1]):
        raise unlike("a whitening that fits the head's mean and centres", f"{shape} for {mean.shape}")
    if centers is not None and (not count or centers.shape != (count, shape[-1])):
        raise unlike(f"centres of {shape[-1]} values", centers.shape)
    return count


def _check_packed(arrays: Arrays, manifest: Manifest, width: int | None) -> int:
    """Check a head in integers, also that no sum of them can overflow; return the number of its centres."""
    if missing := {f"head_{name}" for name in ("mean", "gain", "shift", "unit")} - set(arrays):
        raise unlike(f"a head's {' and '.join(sorted(missing))}", sorted(arrays))
    mean, factor, centers = arrays["head_mean"], arrays["head_factor"], arrays.get("head_centers")
    if mean.ndim == 0 or mean.ndim > 2 or (mean.ndim == 2) != (manifest.spec.scoring.head == "modes") or not len(mean):
        raise unlike("a head's mean of one row for each mode", mean.shape)
    _check_mean(mean.reshape(-1, mean.shape[-1])[0], width)
    d = mean.shape[-1]
    wanted = {"gain": mean.shape, "shift": mean.shape, "factor": (*mean.shape[:-1], d * (d + 1) // 2), "unit": (1,)}
    for name, shape in wanted.items():
        if arrays[f"head_{name}"].shape != shape:
            raise unlike(f"a head's {name} of shape {shape}", arrays[f"head_{name}"].shape)
    if centers is not None and (centers.ndim != 2 or not len(centers) or centers.shape[1] != d or mean.ndim == 2):
        raise unlike(f"centres of {d} values", centers.shape)
    for name, most in (("factor", LARGEST), ("shift", 127), ("centers", LARGEST)):
        values = arrays.get(f"head_{name}", factor)
        if not (np.abs(values) <= most).all() or (values != np.rint(values)).any():
            raise unlike(f"a head's {name} of integers up to {most}", "others")
    if problem := PackedHead.from_arrays(manifest.spec.scoring.head, arrays).problem():
        raise unlike("a head whose sums fit in 64 bits", problem)
    return len(mean) if mean.ndim == 2 else 1 if centers is None else len(centers)


def _check_mean(mean: NumberArray, width: int | None) -> None:
    if mean.ndim != 1 or not len(mean) or len(mean) != (width or len(mean)):
        raise unlike(f"a head's mean of {width or 'some'} values", mean.shape)


def _check_attribution(arrays: Arrays, manifest: Manifest, centers: int) -> None:
    preprocessing = manifest.spec.preprocessing
    names = [f"attribution_{name}" for name in ("mean", "blame", "level", "level_bias")]
    if not set(names) <= set(arrays):
        raise unlike(", ".join(names), sorted(arrays))
    mean, blame, level, bias = (arrays[name] for name in names)
    d = preprocessing.inputs
    # With several modes, the head's nearest centre selects one.
    if mean.ndim != 2 or len(mean) not in (1, centers) or mean.shape[1] != d:
        raise unlike(f"an attribution's mean for 1 or {centers} modes of {d} inputs", mean.shape)
    modes = len(mean)
    if blame.shape not in ((modes, d, d), (modes, d)):
        raise unlike(f"an attribution's blame for {modes} modes of {d} inputs", blame.shape)
    if level.shape not in ((modes, d, preprocessing.sensors), (modes, d, 0)):
        raise unlike(f"an attribution's level of {preprocessing.sensors} sensors or none", level.shape)
    if bias.shape != (modes, level.shape[2]):
        raise unlike("a level bias that fits the level", f"{bias.shape} for {level.shape}")


def _check_reference(arrays: Arrays, manifest: Manifest) -> None:
    preprocessing, windows = manifest.spec.preprocessing, arrays["reference_windows"]
    if windows.ndim != 3 or windows.shape[1:] != (preprocessing.window, preprocessing.sensors) or not len(windows):
        raise unlike("reference windows of the model's shape", windows.shape)
    for name, ndim in (("reference_faulty", 1), ("reference_codes", 2), ("reference_scores", 1)):
        if name not in arrays or arrays[name].ndim != ndim or len(arrays[name]) != len(windows):
            raise unlike(f"{name} of {len(windows)} windows", sorted(arrays))
    units, found = len(manifest.mean_activation), arrays["reference_codes"].shape[1]
    if units and found != units:
        raise unlike(f"reference codes of {units} units", found)


def unlike(expected: str, received: object) -> ModelFileError:
    """Return the error for a file whose parts belong to different detectors."""
    return ModelFileError(
        f"graph and manifest do not match: expected {expected}. Received: {received!s:.200}. "
        "Export the file again, and do not use this one."
    )
