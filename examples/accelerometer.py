"""An accelerometer that Linux shows as files (IIO): python accelerometer.py bearing.tflite [DEVICE FOLDER]."""

import sys
import time
from pathlib import Path

from edge_runtime import Detector

stream = Detector.load(sys.argv[1]).stream()
device = Path(sys.argv[2] if len(sys.argv) > 2 else "/sys/bus/iio/devices/iio:device0")
while True:
    result = stream.update([float((device / f"in_accel_{axis}_raw").read_text()) for axis in "xyz"])
    if result is not None and result.is_anomaly:
        print(f"score {result.score:.1f}", stream.explain(), flush=True)
    time.sleep(0.02)
