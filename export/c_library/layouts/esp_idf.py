"""A component of ESP-IDF 5.2 or later, with a manifest for the component manager."""

from __future__ import annotations

import json
from collections.abc import Iterable

from export.c_library.layouts.parts import LibraryParts, placed

_README = """\
| file | contents |
|---|---|
| `include/@n@_detector.h`, `@n@_detector.c` | readings in, score and alarm out |
| `include/@n@_net.h`, `@n@_net.c` | the network, called by the detector@network@ |
| `examples/analog_sensors` | a project that reads ADC channels and sets a pin while there is an alarm |
| `test_apps/selftest` | a project with reference windows and the expected codes and scores; run it once on your board |
| `CMakeLists.txt`, `idf_component.yml` | the component `@n@` |

Copy this folder into the `components` folder of your project, or name its path in the `idf_component.yml` of `main`:

```yaml
dependencies:
  "@n@":
    path: /path/to/@n@
```

Or start with the example, after editing its table of channels:

```console
cd examples/analog_sensors && idf.py set-target esp32s3 && idf.py flash monitor
```
"""

_COMPONENT = """\
idf_component_register(SRCS @sources@
                       INCLUDE_DIRS "include")
"""

_MANIFEST = """\
version: "@release@"
description: @description@
tags:
  - anomaly-detection
dependencies:
  idf: ">=5.2"
"""

_PROJECT = """\
cmake_minimum_required(VERSION 3.16)
include($ENV{IDF_PATH}/tools/cmake/project.cmake)
project(@project@)
"""

_MAIN_MANIFEST = """\
dependencies:
  "@n@":
    path: "../../.."
"""

_EXAMPLE = """\
// Watches analogue sensors with the anomaly detector "@title@": a pin is high while there is an alarm.
#include "driver/gpio.h"
#include "esp_adc/adc_oneshot.h"
#include "esp_err.h"
#include "esp_log.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#include "@n@_detector.h"

#define PERIOD_MS @period_ms@  // between two readings, @period_text@
#define VOLTS_PER_STEP (3.1f / 4095.0f)  // at 12 bits and 12 dB; esp_adc/adc_cali.h is more precise
#define ALARM_PIN GPIO_NUM_2

// How each sensor is wired: value = offset + gain * volts, in the sensor's unit. Edit it.
typedef struct {
  adc_channel_t channel;  // of ADC1
  float offset, gain;
} input;
static const input inputs[@N@_SENSORS] = {
@channels@
};

static const char *const TAG = "@n@";
static @n@_detector detector;

static adc_oneshot_unit_handle_t start_adc(void) {
  adc_oneshot_unit_handle_t adc;
  const adc_oneshot_unit_init_cfg_t unit = {.unit_id = ADC_UNIT_1};
  const adc_oneshot_chan_cfg_t channel = {.atten = ADC_ATTEN_DB_12, .bitwidth = ADC_BITWIDTH_12};
  ESP_ERROR_CHECK(adc_oneshot_new_unit(&unit, &adc));
  for (int s = 0; s < @N@_SENSORS; ++s) ESP_ERROR_CHECK(adc_oneshot_config_channel(adc, inputs[s].channel, &channel));
  return adc;
}

static void read_sensors(adc_oneshot_unit_handle_t adc, float reading[@N@_SENSORS]) {
  for (int s = 0; s < @N@_SENSORS; ++s) {
    int steps;
    ESP_ERROR_CHECK(adc_oneshot_read(adc, inputs[s].channel, &steps));
    reading[s] = inputs[s].offset + inputs[s].gain * VOLTS_PER_STEP * (float)steps;
  }
}

static void report(void) {
  static int was_alarm = 0;
  ESP_ERROR_CHECK(gpio_set_level(ALARM_PIN, detector.alarm ? 1 : 0));
  if (detector.alarm && !was_alarm) {
    ESP_LOGW(TAG, "alarm: score %.2f, look at %s", (double)detector.smoothed, @to_blame@);
  } else if (was_alarm && !detector.alarm) {
    ESP_LOGI(TAG, "alarm over");
  }
  was_alarm = detector.alarm;
}

void app_main(void) {
  const adc_oneshot_unit_handle_t adc = start_adc();
  ESP_ERROR_CHECK(gpio_set_direction(ALARM_PIN, GPIO_MODE_OUTPUT));
  @n@_detector_init(&detector);
  TickType_t woken = xTaskGetTickCount();
  for (;;) {
    float reading[@N@_SENSORS];
    read_sensors(adc, reading);
@time_note@    if (@n@_detector_update(&detector, reading)) report();
    vTaskDelayUntil(&woken, pdMS_TO_TICKS(PERIOD_MS));
  }
}
"""

_SELFTEST = """\
// Runs reference windows of "@title@" and says whether this board computes what it must.
#include "esp_log.h"

int @n@_selftest(void);

void app_main(void) {
  if (@n@_selftest() == 0) {
    ESP_LOGI("@n@", "the self-test passed");
  } else {
    ESP_LOGE("@n@", "the self-test failed");
  }
}
"""


def esp_idf(parts: LibraryParts) -> dict[str, str]:
    """Return all files by path."""
    example = parts.text(_EXAMPLE, channels=parts.channels(lambda channel: f"(adc_channel_t){channel}", "    "))
    description = json.dumps(parts.text('Anomaly detector "@title@": sensor readings in, score and alarm out.'))
    return {
        "CMakeLists.txt": parts.text(_COMPONENT, sources=_quoted(parts.sources)),
        "idf_component.yml": parts.text(_MANIFEST, description=description),
        **parts.sources,
        **placed("include", parts.headers),
        **_project(parts, "examples/analog_sensors", {"main.c": example}),
        **_project(parts, "test_apps/selftest", {"main.c": parts.text(_SELFTEST), **parts.selftest}),
        **parts.readme_with(_README),
    }


def _project(parts: LibraryParts, folder: str, sources: dict[str, str]) -> dict[str, str]:
    main = {
        "CMakeLists.txt": f"idf_component_register(SRCS {_quoted(sources)})\n",
        "idf_component.yml": parts.text(_MAIN_MANIFEST),
        **sources,
    }
    project = parts.text(_PROJECT, project=folder.rpartition("/")[2])
    return {f"{folder}/CMakeLists.txt": project, **placed(f"{folder}/main", main)}


def _quoted(names: Iterable[str]) -> str:
    return " ".join(f'"{name}"' for name in names)
