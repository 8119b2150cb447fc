"""The scoring head that every compared runtime computes; simple enough to be written in each of them."""

from __future__ import annotations

import numpy as np

from edge_runtime.inference.heads import Head
from export.fitting.fit_heads import fit_head
from export.network_parts import network_parts
from training.run_folder import RunFolder

KIND = "t2x"


def peer_head(run: RunFolder) -> Head:
    """Return T² of inputs and codes, fitted on the full model's outputs for the run's windows."""
    parts = network_parts(run.network, run.spec.preprocessing.transform(run.windows.windows))
    return fit_head(KIND, {name: values.astype(np.float32) for name, values in parts.items()})
