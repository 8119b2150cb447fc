"""Layouts of the C library, written, edited as a user would, built and run on a board without hardware."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from python_host import python_results

from export.c_library.library import write_c_library

STUB_BOARD = Path(__file__).with_name("stub_board")
STEPS = 1023
"""Largest count of the stub board's ADC."""


def tool(name, package):
    """Return a program's path; skip the test if it is not on PATH."""
    if found := shutil.which(name):
        return found
    pytest.skip(f"{name} is not installed (pip install {package}; `make test-layouts` does)")


def run(*command, **options):
    """Run a command that must succeed, and return what it says."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def laid_out(model, folder, layout, name="pump"):
    """Write a library and return its folder."""
    write_c_library(model, folder / f"{name}.tflite", layout=layout)
    return folder / name


class Wiring:
    """Sensors on an ADC: rows as counts, and the offsets and gains that a user would enter.

    Parameters
    ----------
    rows : ndarray of shape (n, sensors), float32
        In the sensors' units.
    unit_per_step : float
        What one count is in the unit that the example multiplies by the gain, such as volts.
    """

    def __init__(self, rows, unit_per_step):
        self._offset, span = rows.min(axis=0), np.ptp(rows, axis=0)
        self._gain = (span / (STEPS * unit_per_step)).astype(np.float32)
        self._counts = np.rint((rows - self._offset) / span * STEPS).astype(int)
        self._unit_per_step = np.float32(unit_per_step)

    def edit(self, source):
        """Enter offsets and gains in an example's table, and lay out the counts."""
        values = iter(zip(self._offset, self._gain, strict=True))

        def entered(_):
            offset, gain = next(values)
            return f"{offset:.9e}f, {gain:.9e}f}},"

        source.write_text(re.sub(r"0\.0f, 1\.0f\},", entered, source.read_text()))
        assert next(values, None) is None

    def write_counts(self, folder):
        """Write what the stub board's ADC reads."""
        np.savetxt(folder / "counts.txt", self._counts, fmt="%d")

    @property
    def readings(self):
        """What an example makes of the counts: float32, offset + gain * unit * count."""
        gain = self._gain * self._unit_per_step
        return (self._offset + gain * self._counts.astype(np.float32)).astype(np.float32)

    def expected(self, model):
        """Return what an example must print: every start of an alarm with score and sensor, and every end."""
        results, lines, was_alarm = python_results(model, self.readings), [], False
        for alarm, smoothed, shares in zip(results.alarm, results.smoothed, results.shares, strict=True):
            if alarm and not was_alarm:
                sensor = model.manifest.spec.sensor_names[int(np.argmax(shares))]
                lines.append(f"alarm: score {smoothed:.2f}, look at {sensor}")
            elif was_alarm and not alarm:
                lines.append("alarm over")
            was_alarm = alarm
        assert len(lines) > 3
        return lines


def pins(expected):
    """Return what an example that also switches a pin prints."""
    return [line for one in expected for line in ("pin off" if one == "alarm over" else "pin on", one)]
