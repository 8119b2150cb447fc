"""The layouts by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from export.c_library.layouts.arduino import arduino
from export.c_library.layouts.cmake import cmake
from export.c_library.layouts.esp_idf import esp_idf
from export.c_library.layouts.parts import LibraryParts
from export.c_library.layouts.plain import plain
from export.c_library.layouts.platformio import platformio
from export.c_library.layouts.zephyr import zephyr

DEFAULT_LAYOUT = "cmake"
LAYOUTS: Mapping[str, Callable[[LibraryParts], dict[str, str]]] = {
    "plain": plain,
    "cmake": cmake,
    "arduino": arduino,
    "platformio": platformio,
    "esp-idf": esp_idf,
    "zephyr": zephyr,
}
