"""``saelite inspect``."""

from __future__ import annotations

import dataclasses
import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.model_file.signature import key_name
from saelite.console_tables import size, table
from saelite.false_alarms import false_alarms

if TYPE_CHECKING:
    from edge_runtime.model_file.container import ModelFile
    from edge_runtime.model_file.manifest import DetectorSpec, Manifest
    from export.inspection import Inspection


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print manifest and graph as JSON.")
def inspect(model: Path, as_json: bool) -> None:
    """Show what a model file, or any TFLite file, contains.

    For files made by saelite: manifest, threshold, parity and the runtimes the file was run in. For every file: ops
    with versions, tensors with types and scales, sizes and multiplications; this part needs ai-edge-litert.

    \b
    Example:
      saelite inspect pump.tflite
    """
    from edge_runtime.errors import missing_extra
    from edge_runtime.model_file.container import read_content, read_model_file

    content = read_content(model)
    file = None if is_foreign(content) else read_model_file(model)
    graph = _graph(file.flatbuffer if file else content)
    if file is None and graph is None:
        raise missing_extra("ai-edge-litert", "export", "a file without a saelite manifest")
    if as_json:
        click.echo(json.dumps(_json(file, graph), indent=1, ensure_ascii=False))
        return
    click.echo("\n\n".join([*(_manifest_tables(file) if file else _foreign(content)), *_graph_tables(file, graph)]))


def is_foreign(content: bytes) -> bool:
    """Return whether a file has no manifest at all; a damaged one is not foreign."""
    return b"saelite.json" not in content


def _graph(flatbuffer: bytes) -> Inspection | None:
    from edge_runtime.model_file.checking.whole_file import check_flatbuffer

    if find_spec("ai_edge_litert") is None or find_spec("flatbuffers") is None:
        return None
    from export.inspection import inspect_flatbuffer

    check_flatbuffer(flatbuffer)
    return inspect_flatbuffer(flatbuffer)


def _json(file: ModelFile | None, graph: Inspection | None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.manifest.to_bytes()) if file else {}
    if graph is not None:
        found["flatbuffer"] = {**dataclasses.asdict(graph), "macs": graph.macs}
    return found


def _foreign(content: bytes) -> list[str]:
    return [table([("manifest", "none: not written by saelite"), ("size", size(len(content)))])]


def _manifest_tables(file: ModelFile) -> list[str]:
    from saelite.export_summary import parity_table

    manifest, tables = file.manifest, [table(_facts(file)), table(_sensors(file), header=True)]
    if manifest.parity and manifest.parity_float32:
        tables.append(parity_table(manifest.parity_float32, manifest.parity, manifest.quantization.scheme))
    if manifest.op_places:
        rows = [(one.op, str(one.count), one.place, one.reason) for one in manifest.op_places]
        tables.append(table([("op", "count", "runs on", "why"), *rows], header=True))
    return tables


def _facts(file: ModelFile) -> list[tuple[str, str]]:
    from edge_runtime.signal.cycle import cycle_lines

    manifest = file.manifest
    preprocessing, scoring = manifest.spec.preprocessing, manifest.spec.scoring
    return [
        ("name", manifest.name),
        ("target", f"{manifest.target}, {'whole detector' if manifest.graph == 'detector' else 'network alone'}"),
        ("size", f"graph {size(len(file.flatbuffer))}, whole file {size(len(file.to_bytes()))}"),
        ("window", f"of {preprocessing.window} readings, stride {preprocessing.stride}"),
        *([("only when", manifest.spec.only_when)] if manifest.spec.only_when else []),
        *(("usual course", line) for line in cycle_lines(manifest.spec)),
        ("scaling", preprocessing.scaling),
        ("features", f"{', '.join(preprocessing.features)}: {preprocessing.inputs} network inputs"),
        ("code layer", f"of {len(manifest.mean_activation)}, mean activation {_mean(manifest.mean_activation):.3f}"),
        ("head", scoring.head),
        ("smoothing", f"moving average, span {scoring.smoothing_span}"),
        ("mean", _follows(manifest.spec)),
        ("scale", f"widens with the readings, rate {scoring.scale_rate:g}" if scoring.scale_rate else "stays"),
        ("threshold", f"score > {manifest.threshold.value:.6g}: {manifest.threshold.method}"),
        ("fitted", f"on {manifest.threshold.n_windows} windows for {manifest.threshold.budget or 'no budget'}"),
        ("false alarms", false_alarms(manifest.threshold)),
        *(("tried", f"{one.name}: {one.detection:.1%} of synthetic faults found") for one in manifest.tried),
        *(("not taken", one) for one in manifest.given_up),
        *_quantization_facts(manifest),
        *(("not as in float32", failure) for failure in manifest.parity_failures),
        *(("run in", check.title) for check in manifest.runtimes),
        *(("not run in", f"{one.name}: {one.reason}") for one in manifest.not_run),
        *(("made with", f"{name} {version}") for name, version in manifest.provenance.packages.items()),
        *_lineage(manifest),
        ("data", f"SHA-256 {manifest.provenance.data_sha256}"),
        ("graph", f"SHA-256 {file.sha256}"),
        ("signature", f"{key_name(file.signature)} (check it with saelite verify)" if file.signature else "none"),
    ]


def _quantization_facts(manifest: Manifest) -> list[tuple[str, str]]:
    quantization = manifest.quantization
    facts = [("quantisation", f"{quantization.scheme}, one scale per {quantization.granularity}")]
    if quantization.input_scale:
        steps = f"scale {quantization.input_scale:.6g}, zero point {quantization.input_zero_point}"
        facts.append(("input", f"{steps}, {quantization.input_saturation:.2%} of normal values saturate"))
    facts += [
        (output.name, f"scale {output.scale:.6g}, zero point {output.zero_point}" if output.scale else "float32")
        for output in manifest.outputs
    ]
    return facts


def _sensors(file: ModelFile) -> list[tuple[str, ...]]:
    spec, bands = file.manifest.spec, file.manifest.bands or ("",) * len(file.manifest.spec.sensors)
    rows = zip(spec.sensors, spec.preprocessing.center, spec.preprocessing.scale, bands, strict=True)
    return [
        ("sensor", "unit", "centre", "scale", "usual deviation from what is expected"),
        *(
            (sensor.name, sensor.unit, *(one if one == "" else f"{one:.6g}" for one in numbers))
            for sensor, *numbers in rows
        ),
    ]


def _graph_tables(file: ModelFile | None, graph: Inspection | None) -> list[str]:
    if graph is None:
        rows = [(op.name, str(op.version), str(op.count)) for op in file.manifest.ops] if file else []
        return [table([("op", "version", "count"), *rows], header=True)]
    ops = [(op.op, str(op.version), op.inputs, op.output, str(op.macs)) for op in graph.ops]
    tensors = [
        (one.name, one.shape, one.type, str(one.n_bytes), one.granularity,
         "" if one.scale is None else f"{one.scale:.6g}", "" if one.zero_point is None else str(one.zero_point))
        for one in graph.tensors
    ]  # fmt: skip
    return [
        table([("signatures", "; ".join(graph.signatures) or "none"), ("multiplications", f"per window {graph.macs}")]),
        table([("op", "version", "inputs", "output", "multiplications"), *ops], header=True),
        table([("tensor", "shape", "type", "bytes", "scale per", "scale", "zero point"), *tensors], header=True),
    ]


def _lineage(manifest: Manifest) -> list[tuple[str, str]]:
    """Return the file that a device adapted, if one did."""
    parent = manifest.parent
    return (
        [] if parent is None else [("adapted from", f"{parent.name} version {parent.version}, SHA-256 {parent.sha256}")]
    )


def _follows(spec: DetectorSpec) -> str:
    relative = f", relative to {len(spec.modes)} modes" if spec.modes else ""
    return f"follows quiet readings{relative}, rate {spec.scoring.mean_rate:g}" if spec.scoring.mean_rate else "stays"


def _mean(values: tuple[float, ...]) -> float:
    return sum(values) / len(values) if values else 0.0
