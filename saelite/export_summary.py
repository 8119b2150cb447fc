"""The result of an export as text."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.model_file.container import ModelFile
from edge_runtime.model_file.manifest import Manifest, Parity
from saelite.console_tables import size, table
from saelite.false_alarms import false_alarms


def summary(model: ModelFile, output: Path) -> str:
    """Return what was written, as people read it."""
    manifest, signed = model.manifest, ", signed" if model.signature else ""
    lines = [
        f"{output}: {size(len(model.to_bytes()))}, {manifest.quantization.scheme} for {manifest.target}{signed}",
        *(f"not taken: {one}" for one in manifest.given_up),
        *scoring_lines(manifest),
        f"expected false alarms: {false_alarms(manifest.threshold)}",
        *(f"run in {check.title}" for check in manifest.runtimes),
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
    """Return how the file scores, and the candidates it was chosen from."""
    scoring = manifest.spec.scoring
    smoothing = "no smoothing" if scoring.smoothing_span == 1 else f"smoothing span {scoring.smoothing_span}"
    relative = f" relative to {len(manifest.spec.modes)} modes" if manifest.spec.modes else ""
    mean = f", mean tracking{relative} at rate {scoring.mean_rate:g}" if scoring.mean_rate else ""
    scale = f", scale tracking at rate {scoring.scale_rate:g}" if scoring.scale_rate else ""
    lines = [f"head {scoring.head}, {smoothing}{mean}{scale}"]
    best: dict[str, float] = {}
    for one in manifest.tried:
        head = one.name.partition(",")[0]
        best[head] = max(one.detection, best.get(head, 0.0))
    if len(best) > 1:
        lines.append(f"synthetic faults found: {', '.join(f'{head} {share:.0%}' for head, share in best.items())}")
    return lines


def parity_table(rebuilt: Parity, parity: Parity, scheme: str) -> str:
    """Return the float32 and the finished file side by side, each compared with the full model."""
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
        # A file made by someone else may hold one without the other.
        if full is not None and own is not None:
            rows.append((title, f"{full:.4f}", f"{own:.4f}"))
    return table(rows, header=True)
