"""What runs on the device: load a model file, score readings, raise alarms.

Needs numpy and one TFLite runtime, nothing else.
"""

from edge_runtime.detector import Detector, Result
from edge_runtime.errors import SaeliteError

__all__ = ["Detector", "Result", "SaeliteError"]
