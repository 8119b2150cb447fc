"""A file that a device adapted, and the maker's file that it carries within: what may differ between them.

The device may change what depends on its machine: centres and scales, the constants of head and attribution, and what
was measured with them. Everything else is the maker's, byte for byte: network, sensors, window, usual course, name and
version.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from edge_runtime.errors import IntegrityError
from edge_runtime.model_file.manifest import Manifest, Parent
from edge_runtime.model_file.patching import without_constants

if TYPE_CHECKING:
    from edge_runtime.model_file.container import ModelFile

_MEASURED = ("mean_activation", "flatbuffer_sha256", "parity", "parity_float32", "parity_failures", "runtimes",
             "not_run", "drift", "tried", "bands", "parent")  # fmt: skip
_SCALING = ("center", "scale", "feature_center", "feature_scale")
_REFERENCE = "reference_"
HELD = {"deep": ("inputs",), "codebook": ("inputs", "deep")}
"""Heads that the graph of another one holds: with no weight on what they do not look at, they are that head."""
_MAY_ALLOW_DRIFT = "inputs"


def parent_of(model: ModelFile, content: bytes) -> Parent:
    """Return how a file refers to its parent.

    Parameters
    ----------
    model : ModelFile
        The parent.
    content : bytes
        Its bytes.
    """
    return Parent(hashlib.sha256(content).hexdigest(), model.manifest.name, model.manifest.version)


def check_lineage(model: ModelFile, parent: ModelFile, path: object) -> None:
    """Raise IntegrityError unless a device may have made `model` of `parent`."""
    problem = _problem(model, parent)
    if problem:
        raise IntegrityError(
            f"{path} is not an adaptation of the file within it: {problem}. Expected the same network, sensors, name "
            "and version. Do not use it; adapt the maker's file again."
        )


def _problem(model: ModelFile, parent: ModelFile) -> str:
    if parent.parent or parent.manifest.parent:
        return "that file was adapted itself"
    if model.manifest.parent != parent_of(parent, model.parent):
        return "its manifest refers to another file"
    if _as_before(model.manifest, parent.manifest) != parent.manifest:
        return "its manifest changes what a device may not change"
    if _shapes(model) != _shapes(parent):
        return "its head has other arrays"
    is_detector = parent.manifest.graph == "detector"
    before, after = (without_constants(one.flatbuffer) if is_detector else one.flatbuffer for one in (parent, model))
    return "its graph differs in more than its constants" if before != after else ""


def _as_before(manifest: Manifest, parent: Manifest) -> Manifest:
    """Return the manifest with everything that a device may change as in the parent's."""
    scaling = {name: getattr(parent.spec.preprocessing, name) for name in _SCALING}
    measured = {name: getattr(parent, name) for name in _MEASURED}
    threshold = parent.threshold._replace(value=manifest.threshold.value, comparison=manifest.threshold.comparison)
    saturation = parent.quantization.input_saturation
    scoring, spans = manifest.spec.scoring, parent.spans
    if scoring.smoothing_span in spans:
        scoring = scoring._replace(smoothing_span=parent.spec.scoring.smoothing_span)
    if _MAY_ALLOW_DRIFT in (scoring.head, *HELD.get(scoring.head, ())):
        measured["allows_drift"] = parent.allows_drift
    before, spec = parent.spec, manifest.spec
    return replace(
        manifest,
        spec=spec._replace(
            preprocessing=replace(spec.preprocessing, **scaling),
            scoring=scoring,
            modes=before.modes if len(spec.modes) == len(before.modes) else spec.modes,
        ),
        threshold=threshold,
        quantization=manifest.quantization._replace(input_saturation=saturation),
        **measured,
    )


def _shapes(model: ModelFile) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in model.arrays.items() if not name.startswith(_REFERENCE)}
