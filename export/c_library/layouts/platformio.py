"""A PlatformIO library: ``library.json`` and sources, for any framework."""

from __future__ import annotations

import json

from export.c_library.layouts.arduino import SELFTEST_SKETCH, sketch
from export.c_library.layouts.parts import LibraryParts, placed

_README = """\
| file | contents |
|---|---|
| `src/@n@_detector.h`, `src/@n@_detector.c` | readings in, score and alarm out |
| `src/@n@_net.h`, `src/@n@_net.c` | the network, called by the detector@network@ |
| `examples/analog_sensors` | a project that reads analogue pins and switches the LED on while there is an alarm |
| `examples/selftest` | a project with reference windows and the expected codes and scores; run it once on your board |
| `library.json` | what PlatformIO reads |

In a project of yours, name this folder in `platformio.ini`:

```ini
lib_deps = symlink:///path/to/@n@
```

Or start with the example, after editing its table of channels and the board in its `platformio.ini`:

```console
pio run -d examples/analog_sensors -t upload
```

The board needs a 32-bit processor.
"""

_PROJECT = """\
[env:board]
platform = espressif32
board = esp32dev
framework = arduino
monitor_speed = 115200
lib_deps = symlink://../..
"""


def platformio(parts: LibraryParts) -> dict[str, str]:
    """Return all files by path."""
    return {
        "library.json": json.dumps(_manifest(parts), indent=2, ensure_ascii=False) + "\n",
        **placed("src", {**parts.sources, **parts.headers}),
        "examples/analog_sensors/platformio.ini": _PROJECT,
        "examples/analog_sensors/src/main.cpp": sketch(parts, bits=12),
        "examples/selftest/platformio.ini": _PROJECT,
        "examples/selftest/src/main.cpp": parts.text(SELFTEST_SKETCH),
        **placed("examples/selftest/src", parts.selftest),
        **parts.readme_with(_README),
    }


def _manifest(parts: LibraryParts) -> dict[str, object]:
    name = parts.fields["n"]
    selftest = ["src/main.cpp", *(f"src/{one}" for one in parts.selftest)]
    return {
        "name": name,
        "version": parts.fields["release"],
        "description": parts.text('Anomaly detector "@title@": sensor readings in, score and alarm out.'),
        "keywords": ["anomaly-detection", "machine-learning", "sensors"],
        "headers": f"{name}_detector.h",
        "frameworks": "*",
        "platforms": "*",
        "examples": [
            {"name": "Analogue sensors", "base": "examples/analog_sensors", "files": ["src/main.cpp"]},
            {"name": "Self-test", "base": "examples/selftest", "files": selftest},
        ],
    }
