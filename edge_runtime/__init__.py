"""What runs on the device: load a model file, score readings, raise alarms.

Needs numpy and one TFLite runtime, nothing else.
"""

from edge_runtime.errors import SaeliteError
from edge_runtime.inference.detector import Detector
from edge_runtime.streaming.stream import Result, Stream

__all__ = ["Detector", "Result", "SaeliteError", "Stream"]
