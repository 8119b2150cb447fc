"""C of the usual course of day and week, which is taken away from readings; see `edge_runtime.signal.cycle`."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from edge_runtime.model_file.manifest import DetectorSpec
from edge_runtime.signal.cycle import PERIODS
from export.c_library.c_text import double, floats

DECLARATION = """\
// Says the time of the next reading, in seconds since 1970, UTC: what is usual then is taken away from the reading.
// Call it before each update(). Before the first call nothing is taken away, and what is usual at some times of the day
// looks like an anomaly.
void @n@_detector_set_time(@n@_detector *detector, uint32_t utc_s);

"""
MEMBER = """\
  float usual[@N@_SENSORS];                // what is usual at the time of the next reading
"""
INIT = "\n    detector->usual[s] = 0.0f;"
TAKEN = "detector->last[s] - detector->usual[s]"
EXPECTED = "    values[s] += detector->usual[s];\n"
_SET_TIME = """\
// Adds what is usual at a time of a cycle: a straight line between the middles of two bins.
static void add_usual(float usual[@N@_SENSORS], const float *course, int bins, double place) {
  const int low = place < 0.0 ? -1 : (int)place;
  const float part = (float)(place - (double)low);
  const float *from = course + (low < 0 ? bins - 1 : low) * @N@_SENSORS;
  const float *to = course + (low + 1 < bins ? low + 1 : 0) * @N@_SENSORS;
  for (int s = 0; s < @N@_SENSORS; ++s) usual[s] += (to[s] - from[s]) * part + from[s];
}

void @n@_detector_set_time(@n@_detector *detector, uint32_t utc_s) {
  for (int s = 0; s < @N@_SENSORS; ++s) detector->usual[s] = 0.0f;
@calls@
}

"""


def cycle_constants(spec: DetectorSpec) -> Iterable[str]:
    """Yield the table of each cycle, a row for each bin."""
    for period_s, offsets in spec.cycles:
        size = f"{len(offsets)} * @N@_SENSORS"
        yield f"// The usual course of the {PERIODS[period_s]}."
        yield f"static const float {PERIODS[period_s]}_course[{size}] = {{\n{floats(np.array(offsets))}\n}};"


def cycle_code(spec: DetectorSpec) -> str:
    """Return the function that takes the time; empty for a model without a cycle."""
    calls = "\n".join(
        f"  add_usual(detector->usual, {PERIODS[period_s]}_course, {len(offsets)}, "
        f"(double)(utc_s % {period_s:.0f}u) * {double(len(offsets) / period_s)} - 0.5);"
        for period_s, offsets in spec.cycles
    )
    return _SET_TIME.replace("@calls@", calls) if calls else ""


def cycle_values(spec: DetectorSpec) -> int:
    """Return the number of values in all tables."""
    return sum(len(one.offsets) for one in spec.cycles) * len(spec.sensors)
