"""``saelite bench``: a group of measurements, the first of which needs no name."""

from __future__ import annotations

from saelite.groups import DefaultGroup

bench = DefaultGroup(
    "bench",
    """Measure how fast, how large and how good a detector is; `saelite bench MODEL` measures latency.

    \b
    Example:
      saelite bench pump.tflite --full runs/pump
    """,
    default="latency",
    commands={
        "latency": "saelite.commands.bench_latency:latency",
        "adapt": "saelite.commands.bench_adapt:adapt",
        "accuracy": "saelite.commands.bench_accuracy:accuracy",
        "blame": "saelite.commands.bench_blame:blame",
        "simulate": "saelite.commands.bench_simulate:simulate",
        "peers": "saelite.commands.bench_peers:peers",
        "digits": "saelite.commands.bench_digits:digits",
        "quantization": "saelite.commands.bench_quantization:quantization",
    },
)
