"""What a detector in C is made of, from its file: for the costs in its README."""

from __future__ import annotations

import numpy as np

from edge_runtime.model_file.container import ModelFile
from export.c_library.cycle import cycle_values
from export.c_library.detector_source import follows
from export.c_library.head import head_of
from export.c_library.network import Dense, FloatDense, Program
from export.c_library.work import Plan
from training.run_folder import DenseLayer, Network


def plan_of_file(model: ModelFile, program: Program) -> Plan:
    """Return what a file's detector is made of, see `export.c_library.cost.cost_of`."""
    spec, prototypes = model.manifest.spec, model.arrays.get("head_centers")
    return Plan(
        spec.preprocessing, _network(program), program.is_int8, follows(spec),
        modes=head_of(model).modes, prototypes=1 if prototypes is None else len(prototypes),
        cycle_values=cycle_values(spec), levels=len(spec.modes),
    )  # fmt: skip


def _network(program: Program) -> Network:
    """Return the layers up to the codes, and those behind them; of their activations, whether there is a table."""
    layers, encoder = [], 0
    has_function = {step.source for step in program.steps if not isinstance(step, Dense | FloatDense)}
    for step in program.steps:
        if isinstance(step, Dense | FloatDense):
            activation = "sigmoid" if step.target in has_function else "linear"
            layers.append(DenseLayer(step.weights.T.astype(np.float32), step.bias.astype(np.float32), activation))
        if program.ends.get(step.target) == "codes":
            encoder = len(layers)
    return Network(tuple(layers[:encoder]), tuple(layers[encoder:]))
