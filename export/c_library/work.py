"""What a detector in C is made of and does for one window, in numbers that are known before anything is fitted."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from edge_runtime.fitting.packing import factor_bytes, fine_columns
from edge_runtime.inference.heads import PARTS, needs_decoder, needs_network
from edge_runtime.signal.preprocessing import Preprocessing
from export.c_library.features import feature_bytes, run_lengths
from training.run_folder import DenseLayer, Network

_NO_TABLE = ("linear", "relu", "relu6")
_TABLE_BYTES, _LAYER_BYTES = 256, 36
_SUMS = ("mean", "std", "min", "max", "slope")


@dataclass(frozen=True)
class Plan:
    """A detector whose head is yet to be chosen.

    Parameters
    ----------
    preprocessing : Preprocessing
    network : Network
        Of its layers, shapes and activations count.
    is_int8 : bool
    follows : bool
        Whether the mean follows the readings.
    modes, prototypes : int
        Centres of the heads ``modes`` and ``codebook``.
    levels : int
        Modes relative to which the mean follows; 0 if it follows without modes.
    cycle_values : int
        Values of the usual course of the day.
    """

    preprocessing: Preprocessing
    network: Network
    is_int8: bool = True
    follows: bool = False
    modes: int = 1
    prototypes: int = 64
    cycle_values: int = 0
    levels: int = 0

    def layers(self, head: str) -> tuple[DenseLayer, ...]:
        """Return the layers that run for a head."""
        if not needs_network(head):
            return ()
        return self.network.encoder + (self.network.decoder if needs_decoder(head) else ())

    def width(self, head: str) -> int:
        """Return the number of values of a head's ``z``."""
        return sum(self._width_of(part) for part in PARTS[head])

    def outputs(self, head: str) -> int:
        """Return the number of values that the network's graph gives for a head."""
        parts = {"codes", *PARTS[head]} - {"inputs"}
        return sum(self._width_of(part) for part in parts)

    def _width_of(self, part: str) -> int:
        *hidden, codes = (layer.kernel.shape[1] for layer in self.network.encoder)
        inputs = self.preprocessing.inputs
        return {"inputs": inputs, "residual": inputs, "hidden": sum(hidden), "codes": codes}[part]

    def repeats(self, head: str) -> int:
        """Return the number of triangular factors of a head."""
        return self.modes if head == "modes" else 1


def constant_bytes(plan: Plan, head: str) -> int:
    """Return the bytes of all constants that a detector with this head links."""
    sensors, width, repeats = plan.preprocessing.sensors, plan.width(head), plan.repeats(head)
    scaling = 8 * sensors + (16 * sensors if plan.follows else 0) + feature_bytes(plan.preprocessing)
    scaling += 4 * (plan.cycle_values + plan.levels * sensors)
    prototypes = 2 * plan.prototypes * width if head == "codebook" else 0
    triangle = repeats * (factor_bytes(head, width) + 6 * width) + width % 2 + prototypes
    return scaling + network_bytes(plan, head) + (8 * width if head == "spe" else triangle)


def network_bytes(plan: Plan, head: str) -> int:
    """Return the bytes of the constants of the layers that run for a head."""
    layers = plan.layers(head)
    if not plan.is_int8:
        return sum(4 * (layer.kernel.size + len(layer.bias)) + _LAYER_BYTES for layer in layers)
    tables = _TABLE_BYTES * sum(layer.activation not in _NO_TABLE for layer in layers)
    return tables + sum(layer.kernel.size + 4 * len(layer.bias) + _LAYER_BYTES for layer in layers)


def ram_bytes_of(plan: Plan, head: str) -> int:
    """Return the size of the detector's struct."""
    from export.c_library.detector_source import struct_bytes

    width = plan.width(head)
    deviations = (4 if head == "spe" else 2) * width + (4 * (width + width % 2) if head == "codebook" else 0)
    values = plan.preprocessing.inputs + plan.outputs(head) if needs_network(head) else 0
    net = values * (1 if plan.is_int8 else 4)
    return struct_bytes(plan.preprocessing, deviations + net, follows=plan.follows, has_time=plan.cycle_values > 0)


def code_parts(plan: Plan, head: str) -> dict[str, float]:
    """Return which pieces of code are linked, each 1 or left out."""
    features = plan.preprocessing.features
    network = ("int8 network" if plan.is_int8 else "float network") if needs_network(head) else ""
    more = {"codebook": "prototypes", "modes": "modes"}.get(head, "")
    parts: Iterable[str] = (
        "detector", network, *(["spe"] if head == "spe" else _columns(plan, head)), more,
        "decoder" if needs_decoder(head) else "",
        *(name for name in features if name in _SUMS), "spectra" if plan.preprocessing.spectra else "",
        "scaled features" if plan.preprocessing.feature_scale else "", "tracking" if plan.follows else "",
    )  # fmt: skip
    return {part: 1.0 for part in parts if part}


def operations(plan: Plan, head: str) -> dict[str, float]:
    """Return how often each kind of step is taken for one window."""
    preprocessing, layers = plan.preprocessing, plan.layers(head)
    readings = preprocessing.window * preprocessing.sensors
    width, repeats = plan.width(head), plan.repeats(head)
    found = {"window": 1.0, "readings": readings, **_feature_steps(plan), **_network_steps(plan, layers)}
    if plan.follows:
        # The distance from a mode takes as many steps as following a sensor.
        found |= {"moved readings": readings, "tracked sensors": (1 + plan.levels) * preprocessing.sensors}
    if needs_decoder(head):
        found["residuals"] = preprocessing.inputs
    if head == "spe":
        return {**found, "squares": width}
    found |= {"variables": repeats * width}
    found |= {name: repeats * products for name, products in _columns(plan, head).items()}
    if plan.is_int8 and needs_network(head):
        found["dequantised"] = width - (preprocessing.inputs if "inputs" in PARTS[head] else 0)
    return {**found, "centres": plan.prototypes * width} if head == "codebook" else found


def _columns(plan: Plan, head: str) -> dict[str, float]:
    """Return the products of a triangular factor's columns of 8 and of 16 bits, where there are any."""
    width = plan.width(head)
    coarse = width - fine_columns(head, width)
    of_8_bits, of_all = coarse * (coarse + 1) / 2, width * (width + 1) / 2
    found = {"products of 8 bits": of_8_bits, "products of 16 bits": of_all - of_8_bits}
    return {name: count for name, count in found.items() if count}


def _feature_steps(plan: Plan) -> dict[str, float]:
    preprocessing = plan.preprocessing
    sensors, readings = preprocessing.sensors, preprocessing.window * preprocessing.sensors
    steps = {name: float(readings) for name in preprocessing.features if name in _SUMS}
    if preprocessing.spectra:
        bins = preprocessing.window // 2 + 1
        weights = sum(itertools.chain(*run_lengths(preprocessing)))
        bands = len(preprocessing.spectra) * preprocessing.bands
        steps |= {"waves": float(readings * bins), "band weights": sensors * weights, "logarithms": sensors * bands}
    if preprocessing.feature_scale:
        steps["scaled features"] = preprocessing.inputs
    return steps


def _network_steps(plan: Plan, layers: tuple[DenseLayer, ...]) -> dict[str, float]:
    if not layers:
        return {}
    kind, inputs = ("int8" if plan.is_int8 else "float"), plan.preprocessing.inputs
    products, units = sum(layer.kernel.size for layer in layers), sum(len(layer.bias) for layer in layers)
    steps = {f"{kind} products": float(products), f"{kind} units": units}
    if plan.is_int8:
        return {**steps, "quantised inputs": inputs}
    return {**steps, "functions": sum(len(one.bias) for one in layers if one.activation not in _NO_TABLE)}
