"""A Zephyr module: a library that Kconfig turns on, with a sample."""

from __future__ import annotations

from export.c_library.layouts.parts import LibraryParts, placed

_README = """\
| file | contents |
|---|---|
| `include/@n@_detector.h`, `src/@n@_detector.c` | readings in, score and alarm out |
| `include/@n@_net.h`, `src/@n@_net.c` | the network, called by the detector@network@ |
| `samples/analog_sensors` | an application that reads ADC channels and prints alarms |
| `tests/selftest` | an application that runs reference windows; run it once on your board |
| `zephyr/` | `module.yml`, `CMakeLists.txt` and `Kconfig` of the module |

Add this folder to the modules of your application, and turn the library on:

```console
west build -b nrf52840dk/nrf52840 my_application -- -DZEPHYR_EXTRA_MODULES=/path/to/@n@ -DCONFIG_SAELITE_@N@=y
```

Or start with the sample, after editing its table of channels and `app.overlay`:

```console
west build -b nrf52840dk/nrf52840 samples/analog_sensors && west flash
```
"""

_MODULE = """\
name: "@n@"
build:
  cmake: zephyr
  kconfig: zephyr/Kconfig
samples:
  - samples
tests:
  - tests
"""

_CMAKE = """\
if(CONFIG_SAELITE_@N@)
  zephyr_include_directories(../include)
  zephyr_library_named(saelite_@n@)
  zephyr_library_sources(@sources@)
endif()
"""

_KCONFIG = """\
config SAELITE_@N@
\tbool "Anomaly detector @n@"
\thelp
\t  Sensor readings in, score and alarm out. It needs no heap; the
\t  memory for each detector is a struct @n@_detector, @ram@ bytes.
"""

_APPLICATION = """\
cmake_minimum_required(VERSION 3.20.0)
list(APPEND ZEPHYR_EXTRA_MODULES ${CMAKE_CURRENT_SOURCE_DIR}/../..)
find_package(Zephyr REQUIRED HINTS $ENV{ZEPHYR_BASE})
project(@project@ LANGUAGES C)
target_sources(app PRIVATE @sources@)
"""

_SAMPLE_CONF = """\
CONFIG_SAELITE_@N@=y
CONFIG_ADC=y
CONFIG_CBPRINTF_FP_SUPPORT=y
"""

_SAMPLE_YAML = """\
sample:
  name: Anomaly detector on analogue sensors
tests:
  @n@.analog_sensors:
    build_only: true
    depends_on: adc
"""

_TEST_CONF = "CONFIG_SAELITE_@N@=y\n"

_TEST_YAML = """\
tests:
  @n@.selftest:
    harness: console
    harness_config:
      type: one_line
      regex:
        - "PASS: .*"
"""

_OVERLAY = """\
/* The sensors' channels, in the order of a reading. Edit it for your board: the label of the ADC, the channels, and on
 * some boards zephyr,input-positive. */
/ {
	zephyr,user {
		io-channels = @io_channels@;
	};
};

&adc {
	#address-cells = <1>;
	#size-cells = <0>;
@nodes@
};
"""

_NODE = """
	channel@@number@ {
		reg = <@reg@>;
		zephyr,gain = "ADC_GAIN_1";
		zephyr,reference = "ADC_REF_INTERNAL";
		zephyr,acquisition-time = <ADC_ACQ_TIME_DEFAULT>;
		zephyr,resolution = <12>;
	};"""

_SAMPLE = """\
// Watches analogue sensors with the anomaly detector "@title@", and prints when an alarm starts and ends.
#include <math.h>
#include <zephyr/drivers/adc.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#include "@n@_detector.h"

#define PERIOD_MS @period_ms@  // between two readings, @period_text@

// Channels of the ADC, in the order of the sensors; see app.overlay.
#define CHANNEL(node, property, number) ADC_DT_SPEC_GET_BY_IDX(node, number),
static const struct adc_dt_spec channels[@N@_SENSORS] = {
    DT_FOREACH_PROP_ELEM(DT_PATH(zephyr_user), io_channels, CHANNEL)};

// What each sensor gives: value = offset + gain * millivolts, in the sensor's unit. Edit it.
static const struct {
  float offset, gain;
} inputs[@N@_SENSORS] = {
@inputs@
};

static @n@_detector detector;

// Returns a channel's millivolts; NAN, which stands for a missing value, if it cannot be read.
static float read_millivolts(const struct adc_dt_spec *channel) {
  int16_t steps = 0;
  struct adc_sequence sequence = {.buffer = &steps, .buffer_size = sizeof steps};
  if (adc_sequence_init_dt(channel, &sequence) < 0 || adc_read_dt(channel, &sequence) < 0) return NAN;
  int32_t millivolts = steps;
  return adc_raw_to_millivolts_dt(channel, &millivolts) < 0 ? NAN : (float)millivolts;
}

static void report(void) {
  static int was_alarm = 0;
  if (detector.alarm && !was_alarm) {
    printk("alarm: score %.2f, look at %s\\n", (double)detector.smoothed, @to_blame@);
  } else if (was_alarm && !detector.alarm) {
    printk("alarm over\\n");
  }
  was_alarm = detector.alarm;
}

int main(void) {
  for (int s = 0; s < @N@_SENSORS; ++s) {
    if (!adc_is_ready_dt(&channels[s]) || adc_channel_setup_dt(&channels[s]) < 0) {
      printk("ADC channel %d is not ready\\n", s);
      return 1;
    }
  }
  @n@_detector_init(&detector);
  for (;;) {
    float reading[@N@_SENSORS];
    for (int s = 0; s < @N@_SENSORS; ++s) {
      reading[s] = inputs[s].offset + inputs[s].gain * read_millivolts(&channels[s]);
    }
@time_note@    if (@n@_detector_update(&detector, reading)) report();
    k_msleep(PERIOD_MS);
  }
}
"""

_SELFTEST = """\
// Runs reference windows of "@title@", which prints PASS if this board computes what it must.
int @n@_selftest(void);

int main(void) { return @n@_selftest(); }
"""


def zephyr(parts: LibraryParts) -> dict[str, str]:
    """Return all files by path."""
    sources = " ".join(f"../src/{name}" for name in parts.sources)
    return {
        "zephyr/module.yml": parts.text(_MODULE),
        "zephyr/CMakeLists.txt": parts.text(_CMAKE, sources=sources),
        "zephyr/Kconfig": parts.text(_KCONFIG),
        **placed("src", parts.sources),
        **placed("include", parts.headers),
        **placed("samples/analog_sensors", _sample(parts)),
        **placed("tests/selftest", _selftest(parts)),
        **parts.readme_with(_README),
    }


def _sample(parts: LibraryParts) -> dict[str, str]:
    count = len(parts.sensors)
    nodes = "\n".join(_NODE.replace("@number@", f"{one:x}").replace("@reg@", str(one)) for one in range(count))
    io_channels = ", ".join(f"<&adc {number}>" for number in range(count))
    inputs = parts.channels(lambda _: "", "    ").replace("{, ", "{")
    return {
        "CMakeLists.txt": parts.text(_APPLICATION, project="analog_sensors", sources="src/main.c"),
        "prj.conf": parts.text(_SAMPLE_CONF),
        "sample.yaml": parts.text(_SAMPLE_YAML),
        "app.overlay": parts.text(_OVERLAY, io_channels=io_channels, nodes=nodes.lstrip("\n")),
        "src/main.c": parts.text(_SAMPLE, inputs=inputs),
    }


def _selftest(parts: LibraryParts) -> dict[str, str]:
    sources = " ".join(["src/main.c", *(f"src/{name}" for name in parts.selftest)])
    return {
        "CMakeLists.txt": parts.text(_APPLICATION, project="selftest", sources=sources),
        "prj.conf": parts.text(_TEST_CONF),
        "testcase.yaml": parts.text(_TEST_YAML),
        "src/main.c": parts.text(_SELFTEST),
        **placed("src", parts.selftest),
    }
