"""A model file in words, for the head of a report."""

from __future__ import annotations

import numpy as np

from benchmarks.report.formats import file_size
from edge_runtime.common.counted import counted
from edge_runtime.model_file.container import ModelFile
from edge_runtime.signal.cycle import cycle_lines

_MAX_NAMES = 24


def model_facts(model: ModelFile) -> tuple[tuple[str, str], ...]:
    """Return properties of the model: name and value."""
    manifest = model.manifest
    spec, threshold = manifest.spec, manifest.threshold
    names = spec.sensor_names
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    facts = [
        ("sensors", f"{len(names)}: {', '.join(names[:_MAX_NAMES])}{more}"),
        ("window", f"readings: {spec.preprocessing.window}, stride {spec.preprocessing.stride}"),
        ("only when", spec.only_when),
        *(("usual course", line) for line in cycle_lines(spec)),
        ("codes", f"{len(manifest.mean_activation)}, mean activation {_mean(manifest.mean_activation):.3f}"),
        ("head", spec.scoring.head),
        ("smoothing", f"moving average over {spec.scoring.smoothing_span} windows"),
        ("threshold", f"{threshold.value:.4g}: {threshold.method}"),
        ("numbers", manifest.quantization.scheme),
        ("size of the file", file_size(len(model.to_bytes()))),
        ("runtimes it ran in", ", ".join(f"{check.runtime} {check.version}" for check in manifest.runtimes)),
        ("SHA-256", model.sha256),
    ]
    parity = manifest.parity
    if parity:
        agreement = f"score correlation {parity.score_correlation:.4f}, alarms agree on {parity.alarm_agreement:.2%}"
        facts.append((f"{manifest.quantization.scheme} against full model", agreement))
    return tuple(fact for fact in facts if fact[1])


def model_line(model: ModelFile) -> str:
    """Return a one-line description of the model."""
    manifest = model.manifest
    spec = manifest.spec
    parts = [
        counted(len(spec.sensors), "sensor"),
        f"windows of {counted(spec.preprocessing.window, 'reading')}",
        f"head {spec.scoring.head}",
        *([f"only when {spec.only_when}"] if spec.only_when else []),
        f"{manifest.quantization.scheme}, {file_size(len(model.to_bytes()))}",
    ]
    return "; ".join(parts)


def _mean(values: tuple[float, ...]) -> float:
    return float(np.mean(values)) if values else 0.0
