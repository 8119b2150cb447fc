"""``saelite inspect``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from saelite.tables import false_alarms, size, table

if TYPE_CHECKING:
    from edge_runtime.model_file import ModelFile


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
def inspect(model: Path, as_json: bool) -> None:
    """Show what is in a model file.

    \b
    Example:
      saelite inspect pump.tflite
    """
    from edge_runtime.model_file import read_model_file

    file = read_model_file(model)
    if as_json:
        click.echo(json.dumps(json.loads(file.manifest.to_bytes()), indent=1, ensure_ascii=False))
        return
    click.echo(table(_facts(file)))
    click.echo()
    click.echo(table(_sensors(file), header=True))
    click.echo()
    click.echo(table([("op", "version", "count"), *_ops(file)], header=True))


def _facts(file: ModelFile) -> list[tuple[str, str]]:
    manifest = file.manifest
    preprocessing, quantization = manifest.spec.preprocessing, manifest.quantization
    facts = [
        ("name", manifest.name),
        ("target", manifest.target),
        ("size", f"{size(len(file.to_bytes()))} (graph {size(len(file.flatbuffer))})"),
        ("window", f"{preprocessing.window} readings, stride {preprocessing.stride}"),
        ("scaling", preprocessing.scaling),
        ("codes", f"{len(manifest.mean_activation)}, mean activation {_mean(manifest.mean_activation):.3f}"),
        ("head", manifest.spec.scoring.head),
        ("smoothing", f"moving average, span {manifest.spec.scoring.smoothing_span}"),
        ("threshold", f"score > {manifest.threshold.value:.6g}: {manifest.threshold.method}"),
        (
            "fitted on",
            f"{manifest.threshold.n_windows} windows; {false_alarms(manifest.threshold)}",
        ),
        ("quantisation", quantization.scheme),
    ]
    if quantization.input_scale:
        steps = f"scale {quantization.input_scale:.6g}, zero point {quantization.input_zero_point}"
        facts.append(("input", f"{steps}, {quantization.input_saturation:.2%} of held-out values saturate"))
    if manifest.parity:
        parity = manifest.parity
        scores = f"score correlation {parity.score_correlation:.4f}, rank {parity.score_rank_correlation:.4f}"
        alarms = f"alarms agree on {parity.alarm_agreement:.2%} of {parity.n_windows} windows"
        facts.append(("parity", f"{scores}, {alarms}"))
    facts += [("run in", f"{check.runtime} {check.version} ({check.machine})") for check in manifest.runtimes]
    facts += [("made with", f"{name} {version}") for name, version in manifest.provenance.packages.items()]
    return [*facts, ("data", f"SHA-256 {manifest.provenance.data_sha256}"), ("graph", f"SHA-256 {file.sha256}")]


def _sensors(file: ModelFile) -> list[tuple[str, str, str]]:
    spec = file.manifest.spec
    rows = zip(spec.sensor_names, spec.preprocessing.center, spec.preprocessing.scale, strict=True)
    return [("sensor", "centre", "scale"), *((name, f"{center:.6g}", f"{scale:.6g}") for name, center, scale in rows)]


def _ops(file: ModelFile) -> list[tuple[str, str, str]]:
    return [(op.name, str(op.version), str(op.count)) for op in file.manifest.ops]


def _mean(values: tuple[float, ...]) -> float:
    return sum(values) / len(values) if values else 0.0
