"""Readings from lines or messages of JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from edge_runtime.signal.readings import Readings
from edge_runtime.sources.source import gather, mapping_decoder


class JsonDecoder:
    """Turns JSON texts into readings; each is an object by sensor name or a list in the model's order.

    Examples
    --------
    >>> readings = JsonDecoder(["flow", "heat"]).decode(['{"flow": 1, "heat": 2}', "[3, 4]", "oops"])
    >>> readings.values.tolist(), readings.lost
    ([[1.0, 2.0], [3.0, 4.0]], 1)
    """

    def __init__(self, sensors: Sequence[str]) -> None:
        self._sensors = len(sensors)
        self._decode = mapping_decoder(sensors)

    def decode(self, texts: Sequence[str]) -> Readings:
        """Return the readings of some texts."""
        return gather([self._decode(_parsed(text)) for text in texts], self._sensors)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
