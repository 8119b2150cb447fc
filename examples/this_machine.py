"""The machine itself, with alarms and blamed sensors: python this_machine.py host.tflite."""

import sys
import time

from edge_runtime import Detector
from edge_runtime.sources.source_spec import open_source
from edge_runtime.streaming.alarm_settings import AlarmSettings
from edge_runtime.streaming.monitor import Monitor
from edge_runtime.streaming.monitor_settings import MonitorSettings

monitor = Monitor(Detector.load(sys.argv[1]), MonitorSettings(AlarmSettings(debounce=(3, 5))), print)
source = open_source("host?rate=20", monitor.sensors, print)
while (readings := source.poll(timeout_s=1)) is not None:
    results = monitor.push(readings)
    for event in results.events:
        print(event, flush=True)
    if len(results):
        print(time.ctime(results.times[-1]), f"score {results.scores[-1]:.1f}", flush=True)
