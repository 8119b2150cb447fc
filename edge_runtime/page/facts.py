"""What does not change while a machine is watched: its sensors, and what the model file says of itself."""

from __future__ import annotations

from typing import Any

from edge_runtime.model_file.manifest import Manifest, Threshold
from edge_runtime.page.numbers import short
from edge_runtime.signal.cycle import cycle_lines
from edge_runtime.sinks.sink import StreamInfo


def machine_facts(info: StreamInfo) -> dict[str, Any]:
    """Return a machine's name, sensors and limits, and its model's facts in the words of the page."""
    return {
        "name": info.name,
        "host": info.host,
        "sensors": _sensors(info),
        "threshold": short(info.threshold),
        "drift_limit": short(info.drift_limit),
        "model": [] if info.manifest is None else model_facts(info.manifest),
    }


def _sensors(info: StreamInfo) -> list[dict[str, Any]]:
    manifest = info.manifest
    if manifest is None:
        return [{"name": name, "unit": "", "deviation": None} for name in info.sensors]
    deviations = manifest.bands or manifest.spec.preprocessing.scale
    return [
        {"name": sensor.name, "unit": sensor.unit, "deviation": short(deviation)}
        for sensor, deviation in zip(manifest.spec.sensors, deviations, strict=True)
    ]


def model_facts(manifest: Manifest) -> list[tuple[str, str]]:
    """Return what a person may want to know of a model, as pairs of a name and a text."""
    window = manifest.spec.preprocessing.window
    facts = [
        ("Model", f"{manifest.name}, version {manifest.version}" if manifest.version else manifest.name),
        ("Sensors", str(len(manifest.spec.sensors))),
        ("Window", f"{window} reading{'' if window == 1 else 's'}"),
        ("Watches", f"only when {manifest.spec.only_when}" if manifest.spec.only_when else "always"),
        ("Usual course", "; ".join(cycle_lines(manifest.spec))),
        ("Promised false alarms", promise(manifest.threshold)),
        ("Head", manifest.spec.scoring.head),
        ("Numbers", f"{manifest.quantization.scheme}, for {manifest.target}"),
        ("Graph", manifest.flatbuffer_sha256[:16]),
    ]
    return [(name, text) for name, text in facts if text]


def promise(threshold: Threshold) -> str:
    """Return the false alarms that a threshold promises, in a few words.

    >>> promise(Threshold(1.0, "", 0.01, 500, budget="1/week", promised=0.5, promised_upper=0.9))
    '0.5 a week, at most 0.9'
    >>> promise(Threshold(2.0, "by hand", 0.0, 0))
    'none: the threshold was set by hand'
    """
    if not threshold.n_windows:
        return "none: the threshold was set by hand"
    if threshold.promised is None or threshold.promised_upper is None:
        return f"{threshold.target_far:.2%} of readings, at most {threshold.target_far_upper:.2%}"
    unit = threshold.budget.partition("/")[2]
    return f"{threshold.promised:.2g} a {unit}, at most {threshold.promised_upper:.2g}"
