"""The files in one folder, for a build system of your own."""

from __future__ import annotations

from export.c_library.layouts.parts import LibraryParts
from export.c_library.selftest_template import MAIN_C

_README = """\
| file | contents |
|---|---|
| `@n@_detector.h`, `@n@_detector.c` | readings in, score and alarm out |
| `@n@_net.h`, `@n@_net.c` | the network, called by the detector@network@ |
| `@n@_selftest.c` | reference windows with the expected codes and scores; run it once on your board |
| `examples/analog_sensors.c` | reads an ADC on a Linux board and prints alarms |

Compile with `-ffunction-sections -fdata-sections -Wl,--gc-sections`, and without `-ffast-math`. The self-test and the
example on a computer:

```console
cc -std=c99 -O2 *.c -lm -o selftest && ./selftest
cc -std=c99 -O2 -I. examples/analog_sensors.c @n@_net.c @n@_detector.c -lm -o analog_sensors
```
"""

EXAMPLE = """\
// Watches analogue sensors with the anomaly detector "@title@": reads an ADC through Linux's IIO, and prints when an
// alarm starts and ends.
//
//   ./analog_sensors /sys/bus/iio/devices/iio:device0
#define _POSIX_C_SOURCE 199309L

#include <math.h>
#include <stdio.h>
#include <time.h>

#include "@n@_detector.h"

#ifndef PERIOD_MS
#define PERIOD_MS @period_ms@  // between two readings, @period_text@
#endif

// How each sensor is wired: value = offset + gain * millivolts, in the sensor's unit. Edit it.
typedef struct {
  int channel;
  float offset, gain;
} input;
static const input inputs[@N@_SENSORS] = {
@channels@
};

static @n@_detector detector;

// Returns the number in a file of the ADC's folder, or NAN.
static float read_number(const char *adc, const char *name) {
  char path[256];
  float number = NAN;
  snprintf(path, sizeof path, "%s/%s", adc, name);
  FILE *file = fopen(path, "r");
  if (file == NULL) return NAN;
  if (fscanf(file, "%f", &number) != 1) number = NAN;
  fclose(file);
  return number;
}

// A channel that cannot be read gives NAN, which stands for a missing value.
static void read_sensors(const char *adc, float reading[@N@_SENSORS]) {
  for (int s = 0; s < @N@_SENSORS; ++s) {
    char name[32];
    snprintf(name, sizeof name, "in_voltage%d_raw", inputs[s].channel);
    const float millivolts = read_number(adc, name) * read_number(adc, "in_voltage_scale");
    reading[s] = inputs[s].offset + inputs[s].gain * millivolts;
  }
}

static void report(void) {
  static int was_alarm = 0;
  if (detector.alarm && !was_alarm) {
    printf("alarm: score %.2f, look at %s\\n", (double)detector.smoothed, @to_blame@);
  } else if (was_alarm && !detector.alarm) {
    printf("alarm over\\n");
  }
  fflush(stdout);
  was_alarm = detector.alarm;
}

int main(int count, char **arguments) {
  const char *adc = count > 1 ? arguments[1] : "/sys/bus/iio/devices/iio:device0";
  const struct timespec period = {PERIOD_MS / 1000, PERIOD_MS % 1000 * 1000000L};
  @n@_detector_init(&detector);
  for (;;) {
    float reading[@N@_SENSORS];
    read_sensors(adc, reading);
@time_note@    if (@n@_detector_update(&detector, reading)) report();
    nanosleep(&period, NULL);
  }
}
"""


def plain(parts: LibraryParts) -> dict[str, str]:
    """Return all files by path."""
    return {**flat_files(parts), **parts.readme_with(_README)}


def flat_files(parts: LibraryParts) -> dict[str, str]:
    """Return sources, headers, self-test and example by path."""
    selftest = {name: text + parts.text(MAIN_C) for name, text in parts.selftest.items()}
    example = parts.text(EXAMPLE, channels=parts.channels(str, "    "))
    return {**parts.sources, **parts.headers, **selftest, "examples/analog_sensors.c": example}
