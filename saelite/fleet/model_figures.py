"""The figures of a model file that was made for an asset."""

from __future__ import annotations

import hashlib

from edge_runtime.arrays import FloatArray
from edge_runtime.model_file.container import ModelFile
from saelite.fleet.measuring import false_alarms_of
from saelite.fleet.outcome import Figures


def figures_of(model: ModelFile, content: bytes, windows: FloatArray, loss: float | None) -> Figures:
    """Return a file's figures.

    Parameters
    ----------
    model : ModelFile
    content : bytes
        Of the file.
    windows : ndarray of shape (n, window, sensors), float32
        The asset's own, to count alarms on.
    loss : float or None
        See `Figures`.
    """
    manifest, threshold = model.manifest, model.manifest.threshold
    measured_share, measured = false_alarms_of(model, windows)
    parity = manifest.parity
    return Figures(
        head=manifest.spec.scoring.head,
        scheme=manifest.quantization.scheme,
        smoothing_span=manifest.spec.scoring.smoothing_span,
        threshold=threshold.value,
        promised=threshold.promised,
        promised_upper=threshold.promised_upper,
        measured=measured,
        promised_share=threshold.target_far,
        measured_share=measured_share,
        detection=manifest.tried[0].detection if manifest.tried else None,
        roc_auc=None if parity is None else parity.roc_auc,
        alarm_agreement=None if parity is None else parity.alarm_agreement,
        parity_failures="; ".join(manifest.parity_failures),
        loss=loss,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        version=manifest.version,
    )
