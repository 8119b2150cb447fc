"""``saelite export``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from saelite.console_tables import size, table
from saelite.false_alarms import blindness, doubt, false_alarms
from saelite.options import sign_option
from saelite.progress import step_progress
from saelite.workstation import require_workstation

if TYPE_CHECKING:
    from edge_runtime.model_file.container import ModelFile
    from edge_runtime.model_file.manifest import Manifest, Parity
    from export.export_run import ExportSettings

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("source", type=_PATH)
@click.option("-o", "--output", type=_PATH, required=True, help="Model file to write (.tflite).")
@click.option(
    "--target",
    type=click.Choice(["cpu", "litert", "tflite-runtime", "edgetpu", "micro"]),
    default="cpu",
    show_default=True,
    help="Where the file will run; cpu is both litert and tflite-runtime.",
)
@click.option(
    "--quantize",
    type=click.Choice(["int8", "mixed", "int16x8", "float32", "dynamic", "float16"]),
    help="Numbers the network computes in; scaling and head stay float. "
    "[default: the first of int8, mixed, int16x8, float32 that detects as float32 does]",
)
@click.option("--representative", type=_PATH, help="Normal data for a Keras model: .csv, .npy or .npz, unscaled.")
@click.option("--encoder-output", metavar="LAYER", help="Code layer of a Keras model.  [default: the narrowest dense]")
@click.option("--labelled", type=_PATH, help="Labelled recording (.csv, or .npz with windows and labels) for ROC-AUC.")
@click.option("--runtime-python", type=_PATH, multiple=True,
              help="Python of another environment whose runtimes shall run the file too; may be repeated.")  # fmt: skip
@click.option("--false-alarms", default="1/week", show_default=True, metavar="N/UNIT",
              help="False alarms to fit the threshold for, per hour, day, week, month or reading.")  # fmt: skip
@click.option("--model-version", type=click.IntRange(0), default=0, show_default=True,
              help="Number that grows with each release; a running stream takes no lower one.")  # fmt: skip
@sign_option
def export(source: Path, output: Path, key: Path | None, model_version: int, **options: Any) -> None:
    """Turn a run folder, or any Keras autoencoder of dense layers, into one quantised, verified model file.

    Scoring head, smoothing and threshold are chosen and fitted on what the quantised network gives for normal windows
    and for synthetic faults. The file is run in every installed runtime of its target; a scheme that loses detection is
    passed over for a wider one.

    \b
    Examples:
      saelite export runs/pump -o pump.tflite
      saelite export runs/pump --false-alarms 1/month -o pump.tflite
      saelite export autoencoder.keras --representative normal.csv -o pump.tflite
      saelite export runs/pump --target edgetpu --sign maker.pem -o pump.tflite
    """
    require_workstation("export")
    from edge_runtime.model_file.checking.whole_file import check_model
    from export.edgetpu import command, compile_model
    from export.export_run import export_run
    from export.keras_source import read_source
    from export.labelled import read_labelled
    from export.micro import write_c_sources

    with step_progress() as on_step:
        on_step("reading the model")
        run = read_source(source, options.pop("representative"), options.pop("encoder_output"))
        labelled_path = options.pop("labelled")
        labelled = read_labelled(labelled_path, run.spec) if labelled_path else None
        model = export_run(run, _settings(**options), on_step, labelled)
        compiled = None
        if model.manifest.target == "edgetpu":
            on_step("compiling for the Edge TPU")
            compiled = compile_model(model)
        model = compiled or model
        model = replace(model, manifest=replace(model.manifest, version=model_version))
        check_model(model.flatbuffer, model.manifest, model.arrays)
        if key is not None:
            model = model.signed(key)
    sources = write_c_sources(model, output) if model.manifest.target == "micro" else []
    model.write(output)
    click.echo(_summary(model, output))
    for warning in filter(None, (doubt(model.manifest.threshold), blindness(model.manifest.tried))):
        click.echo(warning, err=True)
    if model.manifest.target == "edgetpu" and compiled is None:
        click.echo("edgetpu_compiler is not on PATH. Compile elsewhere, then attach the manifest:")
        click.echo(f"  {command(output)}")
        click.echo(f"  saelite attach {output} {output.stem}_edgetpu.tflite -o {output.stem}_tpu.tflite")
    for path in sources:
        click.echo(f"wrote {path}")


def _settings(target: str, quantize: str | None, runtime_python: tuple[Path, ...], false_alarms: str) -> ExportSettings:
    from export.export_run import ExportSettings
    from export.fitting.budget import FalseAlarmBudget

    return ExportSettings(quantize, target, runtime_python, FalseAlarmBudget.parse(false_alarms))


def _summary(model: ModelFile, output: Path) -> str:
    manifest, signed = model.manifest, ", signed" if model.signature else ""
    lines = [
        f"{output}: {size(len(model.to_bytes()))}, {manifest.quantization.scheme} for {manifest.target}{signed}",
        *(f"not taken: {one}" for one in manifest.given_up),
        *scoring_lines(manifest),
        f"expected false alarms: {false_alarms(manifest.threshold)}",
        f"run in {', '.join(f'{check.runtime} {check.version}' for check in manifest.runtimes)}",
        *(f"not run in {one.name}: {one.reason}" for one in manifest.not_run),
    ]
    if manifest.quantization.input_scale:
        share = manifest.quantization.input_saturation
        lines.append(f"{share:.2%} of normal values saturate the quantised input")
    if manifest.parity and manifest.parity_float32:
        lines += ["", parity_table(manifest.parity_float32, manifest.parity, manifest.quantization.scheme)]
    if manifest.op_places:
        rows = [(one.op, str(one.count), one.place, one.reason) for one in manifest.op_places]
        lines += ["", table([("op", "count", "runs on", "why"), *rows], header=True)]
    lines += [f"not as in float32: {failure}" for failure in manifest.parity_failures]
    return "\n".join(lines)


def scoring_lines(manifest: Manifest) -> list[str]:
    """Return how the file scores, and what it was chosen from."""
    scoring = manifest.spec.scoring
    smoothing = "no smoothing" if scoring.smoothing_span == 1 else f"smoothing span {scoring.smoothing_span}"
    mean = f", mean tracking at rate {scoring.mean_rate:g}" if scoring.mean_rate else ""
    lines = [f"head {scoring.head}, {smoothing}{mean}"]
    best: dict[str, float] = {}
    for one in manifest.tried:
        head = one.name.partition(",")[0]
        best[head] = max(one.detection, best.get(head, 0.0))
    if len(best) > 1:
        lines.append(f"synthetic faults found: {', '.join(f'{head} {share:.0%}' for head, share in best.items())}")
    return lines


def parity_table(rebuilt: Parity, parity: Parity, scheme: str) -> str:
    """Return the float32 and the finished file beside each other, each against the full model."""
    sides = (rebuilt, parity)
    rows = [("compared with the detector in float32", "float32 file", f"{scheme} file")]
    for name, title, form in (
        ("n_windows", "windows, normal and faulty", "d"),
        ("codes_correlation", "codes, correlation", ".5f"),
        ("codes_max_difference", "codes, largest difference", ".2g"),
        ("score_correlation", "scores, correlation", ".5f"),
        ("score_rank_correlation", "scores, rank correlation", ".5f"),
        ("score_max_difference", "scores, largest difference (1 is the threshold)", ".2g"),
        ("alarm_agreement", "alarms agree", ".2%"),
    ):
        left, right = (format(getattr(side, name), form) for side in sides)
        rows.append((title, left, right))
    for title, full, own in (
        ("ROC-AUC on synthetic faults", parity.roc_auc_full, parity.roc_auc),
        ("ROC-AUC on labelled windows", parity.labelled_roc_auc_full, parity.labelled_roc_auc),
    ):
        if full is not None:
            rows.append((title, f"{full:.4f}", f"{own:.4f}"))
    return table(rows, header=True)
