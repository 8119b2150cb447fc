"""A Coral stick does the work, the processor where there is none: python coral.py pump_edgetpu.tflite < log.csv."""

import csv
import sys

from edge_runtime import Detector
from edge_runtime.errors import AcceleratorError

try:
    detector = Detector.load(sys.argv[1], accelerator="edgetpu")
except AcceleratorError as error:
    print(error, "Continuing on the CPU.", file=sys.stderr)
    detector = Detector.load(sys.argv[1])
stream = detector.stream()
for reading in csv.DictReader(sys.stdin):
    result = stream.update({name: float(reading[name]) for name in detector.sensor_names})
    if result is not None:
        print(f"{result.score:.2f} {'anomaly' if result.is_anomaly else 'normal'}")
