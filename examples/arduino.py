"""An Arduino that prints a line of values for each reading: python arduino.py pump.tflite /dev/ttyACM0."""

import sys

import serial

from edge_runtime import Detector

stream = Detector.load(sys.argv[1]).stream()
with serial.Serial(sys.argv[2], 115200) as port:
    port.readline()  # we joined in the middle of this one
    for line in port:
        result = stream.update([float(cell) for cell in line.split(b",")])
        if result is not None and result.is_anomaly:
            print(f"score {result.score:.1f}", stream.explain(), flush=True)
