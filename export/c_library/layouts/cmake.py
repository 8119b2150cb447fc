"""A CMake package: a subdirectory of a project, or installed and found with ``find_package``."""

from __future__ import annotations

from export.c_library.layouts.parts import LibraryParts
from export.c_library.layouts.plain import flat_files

_README = """\
| file | contents |
|---|---|
| `@n@_detector.h`, `@n@_detector.c` | readings in, score and alarm out |
| `@n@_net.h`, `@n@_net.c` | the network, called by the detector@network@ |
| `@n@_selftest.c` | reference windows with the expected codes and scores; run it once on your board |
| `examples/analog_sensors.c` | reads an ADC on a Linux board and prints alarms |
| `CMakeLists.txt` | target `@n@::@n@`, an installable package, and the test `@n@_selftest` |

In a project of yours:

```cmake
add_subdirectory(@n@)  # or, after `cmake --install`, find_package(@n@ CONFIG REQUIRED)
target_link_libraries(firmware PRIVATE @n@::@n@)
```

Build, test and install it on a computer:

```console
cmake -B build && cmake --build build && ctest --test-dir build
cmake --install build --prefix ~/.local
```

Compile firmware with `-ffunction-sections -fdata-sections -Wl,--gc-sections`, and without `-ffast-math`. Without CMake:
`cc -std=c99 -O2 *.c -lm -o selftest && ./selftest`.
"""

_CMAKE = """\
cmake_minimum_required(VERSION 3.15)
project(@n@ VERSION @release@ LANGUAGES C)

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

add_library(@n@_detector STATIC @n@_net.c @n@_detector.c)
add_library(@n@::@n@ ALIAS @n@_detector)
target_include_directories(@n@_detector PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}>
                           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
set_target_properties(@n@_detector PROPERTIES EXPORT_NAME @n@ C_STANDARD 99 C_STANDARD_REQUIRED ON)
if(UNIX)
  target_link_libraries(@n@_detector PUBLIC m)
endif()

# find_package(@n@ CONFIG) reads these.
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/@n@)
write_basic_package_version_file(@n@ConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(TARGETS @n@_detector EXPORT @n@Config ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES @n@_net.h @n@_detector.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT @n@Config NAMESPACE @n@:: DESTINATION ${package_folder})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/@n@ConfigVersion.cmake DESTINATION ${package_folder})

if(CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR AND NOT CMAKE_CROSSCOMPILING)
  enable_testing()
  add_executable(@n@_selftest @n@_selftest.c)
  target_link_libraries(@n@_selftest PRIVATE @n@::@n@)
  add_test(NAME @n@_selftest COMMAND @n@_selftest)
  if(CMAKE_SYSTEM_NAME STREQUAL Linux)
    add_executable(@n@_analog_sensors examples/analog_sensors.c)
    target_link_libraries(@n@_analog_sensors PRIVATE @n@::@n@)
  endif()
endif()
"""


def cmake(parts: LibraryParts) -> dict[str, str]:
    """Return all files by path."""
    return {**flat_files(parts), "CMakeLists.txt": parts.text(_CMAKE), **parts.readme_with(_README)}
