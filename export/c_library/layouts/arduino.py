"""An Arduino library; see the Arduino library specification, revision 2.2."""

from __future__ import annotations

import re

from export.c_library.c_text import comment
from export.c_library.layouts.parts import LibraryParts, placed

_README = """\
| file | contents |
|---|---|
| `src/@n@_detector.h`, `src/@n@_detector.c` | readings in, score and alarm out |
| `src/@n@_net.h`, `src/@n@_net.c` | the network, called by the detector@network@ |
| `examples/AnalogSensors` | reads analogue pins and switches the LED on while there is an alarm |
| `examples/SelfTest` | reference windows with the expected codes and scores; run it once on your board |
| `library.properties`, `keywords.txt` | what the Arduino IDE shows |

Copy this folder into the `libraries` folder of your sketchbook, or zip it and choose *Sketch, Include Library, Add .ZIP
Library*. Then open *File, Examples, @n@, AnalogSensors*, edit the table of channels, and upload it. From a terminal:

```console
arduino-cli compile --library . --fqbn arduino:samd:mkrzero examples/AnalogSensors
```

The board needs a 32-bit processor: SAMD, Mbed, Renesas, RP2040, ESP32, ESP8266, STM32, Teensy. An Uno or Mega with an
AVR is refused by the compiler. Before you publish the library, put your own name and address into `library.properties`.
"""

_PROPERTIES = """\
name=@name@
version=@release@
author=saelite
maintainer=saelite
sentence=Anomaly detector @quoted_title@: sensor readings in, score and alarm out.
paragraph=A neural network and its score in plain C, without heap or interpreter. @libm@
category=Data Processing
url=https://pypi.org/project/saelite/
architectures=*
includes=@n@_detector.h
"""

_KEYWORDS = """\
# Datatypes (KEYWORD1)
@n@_detector\tKEYWORD1
@n@_net_outputs\tKEYWORD1

# Functions (KEYWORD2)
@functions@

# Constants (LITERAL1)
@constants@
"""

SKETCH = """\
// Watches analogue sensors with the anomaly detector "@title@": the LED is on while there is an alarm.
#include <Arduino.h>
#include <@n@_detector.h>

const unsigned long PERIOD_MS = @period_ms@;  // between two readings, @period_text@
const float VOLTS_PER_STEP = 3.3f / @steps@;  // of analogRead(); see your board

// How each sensor is wired: value = offset + gain * volts, in the sensor's unit. Edit it.
struct Channel {
  int pin;
  float offset, gain;
};
const Channel channels[@N@_SENSORS] = {
@channels@
};

@n@_detector detector;
unsigned long last_ms;

void read_sensors(float reading[@N@_SENSORS]) {
  for (int s = 0; s < @N@_SENSORS; ++s) {
    const Channel &channel = channels[s];
    reading[s] = channel.offset + channel.gain * VOLTS_PER_STEP * (float)analogRead(channel.pin);
  }
}

void report() {
  static bool was_alarm = false;
  const bool is_alarm = detector.alarm != 0;
  digitalWrite(LED_BUILTIN, is_alarm ? HIGH : LOW);
  if (is_alarm && !was_alarm) {
    Serial.print("alarm: score ");
    Serial.print(detector.smoothed);
    Serial.print(", look at ");
    Serial.println(@to_blame@);
  } else if (was_alarm && !is_alarm) {
    Serial.println("alarm over");
  }
  was_alarm = is_alarm;
}

void setup() {
  Serial.begin(115200);
  pinMode(LED_BUILTIN, OUTPUT);
  @n@_detector_init(&detector);
  last_ms = millis();
}

void loop() {
  if (millis() - last_ms < PERIOD_MS) return;
  last_ms += PERIOD_MS;
  float reading[@N@_SENSORS];
  read_sensors(reading);
@time_note@  if (@n@_detector_update(&detector, reading)) report();
}
"""

SELFTEST_SKETCH = """\
// Runs reference windows of "@title@" and says whether this board computes what it must.
#include <Arduino.h>

extern "C" int @n@_selftest(void);

void setup() {
  Serial.begin(115200);
  while (!Serial) delay(10);
  Serial.println(@n@_selftest() == 0 ? "PASS" : "FAIL");
}

void loop() {}
"""


def arduino(parts: LibraryParts) -> dict[str, str]:
    """Return all files by path."""
    return {
        "library.properties": parts.text(_PROPERTIES, name=library_name(parts.fields["n"]), quoted_title=_title(parts)),
        "keywords.txt": parts.text(_KEYWORDS, **_keywords(parts)),
        **placed("src", {**parts.sources, **parts.headers}),
        "examples/AnalogSensors/AnalogSensors.ino": sketch(parts),
        "examples/SelfTest/SelfTest.ino": parts.text(SELFTEST_SKETCH),
        **placed("examples/SelfTest", parts.selftest),
        **parts.readme_with(_README),
    }


def library_name(name: str) -> str:
    """Return a name that the specification takes: at most 63 characters, and not that of an official library.

    >>> library_name("pump"), library_name("Arduino_pump")
    ('pump', 'detector_Arduino_pump')
    """
    return f"detector_{name}"[:63] if name.lower().startswith("arduino") else name[:63]


def sketch(parts: LibraryParts, bits: int = 10) -> str:
    """Return the sketch that watches analogue sensors, on a board whose ``analogRead()`` gives so many bits.

    Pins above A5, which not every board has a name for, are counted on from A0.
    """
    channels = parts.channels(lambda pin: f"A{pin}" if pin < 6 else f"A0 + {pin}", "    ")
    return parts.text(SKETCH, channels=channels, steps=f"{2**bits - 1}.0f")


def _title(parts: LibraryParts) -> str:
    return comment(str(parts.fields["title"])) or parts.fields["n"]


def _keywords(parts: LibraryParts) -> dict[str, str]:
    """Return the functions and constants that the headers declare."""
    text, name = "\n".join(parts.headers.values()), parts.fields["n"]
    functions = sorted(set(re.findall(rf"^[\w ]+\*?({name}_\w+)\(", text, re.MULTILINE)))
    constants = sorted(set(re.findall(rf"^(?:#define|  ?)\s*({name.upper()}_\w+) (?==|\S)", text, re.MULTILINE)))
    return {
        "functions": "\n".join(f"{one}\tKEYWORD2" for one in functions),
        "constants": "\n".join(f"{one}\tLITERAL1" for one in constants),
    }
