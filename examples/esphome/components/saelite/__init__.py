"""ESPHome component: an anomaly detector that saelite exported, fed from sensors of the device."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import esphome.codegen as cg
import esphome.config_validation as cv
from esphome.components import sensor
from esphome.const import CONF_ID, CONF_SENSORS
from esphome.core import CORE
from esphome.helpers import copy_file_if_changed, write_file_if_changed

CODEOWNERS: list[str] = []
AUTO_LOAD = ["sensor"]
MULTI_CONF = False

CONF_LIBRARY = "library"
CONF_SAELITE_ID = "saelite_id"

saelite_ns = cg.esphome_ns.namespace("saelite")
SaeliteComponent = saelite_ns.class_("SaeliteComponent", cg.PollingComponent)

# What the component calls the library's functions, whatever the library is called.
_NAMES = """\
#pragma once

#include "@n@_detector.h"

namespace esphome::saelite {

using Detector = @n@_detector;
static constexpr int SENSORS = @N@_SENSORS;

inline void init(Detector *detector) { @n@_detector_init(detector); }
inline bool update(Detector *detector, const float *reading) { return @n@_detector_update(detector, reading) != 0; }
inline const char *sensor_to_blame(const Detector *detector) {
  return @n@_sensor_name(@n@_detector_blamed(detector));
}

}  // namespace esphome::saelite
"""


def _header(folder: Path) -> Path:
    """Return the library's main header."""
    found = sorted(folder.rglob("*_detector.h"))
    if len(found) != 1:
        raise cv.Invalid(
            f"expected one library of `saelite export --target c`. Received: {len(found)} *_detector.h in {folder}"
        )
    return found[0]


def _library(value: Any) -> str:
    folder = cv.directory(value)
    _header(CORE.relative_config_path(folder))
    return str(folder)


def _sensors_of(header: Path) -> list[str]:
    """Return the names of the model's sensors, in the order of a reading, as its enumerators spell them."""
    name = header.name.removesuffix("_detector.h").upper()
    return [one.lower() for one in re.findall(rf"^  {name}_SENSOR_(\w+) = \d+,", header.read_text(), re.MULTILINE)]


def _every_sensor(config: dict[str, Any]) -> dict[str, Any]:
    """Check that each sensor of the model has one of the device's."""
    expected = _sensors_of(_header(CORE.relative_config_path(config[CONF_LIBRARY])))
    if sorted(config[CONF_SENSORS]) != sorted(expected):
        raise cv.Invalid(
            f"expected the model's sensors: {', '.join(expected)}. Received: {', '.join(config[CONF_SENSORS])}",
            path=[CONF_SENSORS],
        )
    return config


CONFIG_SCHEMA = cv.All(
    cv.Schema(
        {
            cv.GenerateID(): cv.declare_id(SaeliteComponent),
            cv.Required(CONF_LIBRARY): _library,
            cv.Required(CONF_SENSORS): cv.Schema({cv.string_strict: cv.use_id(sensor.Sensor)}),
        }
    ).extend(cv.polling_component_schema("1s")),
    _every_sensor,
)


async def to_code(config: dict[str, Any]) -> None:
    """Generate the component, and copy the library beside it."""
    component = cg.new_Pvariable(config[CONF_ID])
    await cg.register_component(component, config)
    header = _header(CORE.relative_config_path(config[CONF_LIBRARY]))
    for number, name in enumerate(_sensors_of(header)):
        source = await cg.get_variable(config[CONF_SENSORS][name])
        cg.add(component.set_source(number, source))
    _copy_library(CORE.relative_config_path(config[CONF_LIBRARY]), header.name.removesuffix("_detector.h"))


def _copy_library(folder: Path, name: str) -> None:
    """Copy sources and headers to where ESPHome compiles everything, and name their functions for the component."""
    for part in ("net", "detector"):
        for ending in ("c", "h"):
            (source,) = folder.rglob(f"{name}_{part}.{ending}")
            copy_file_if_changed(source, CORE.relative_src_path(source.name))
    names = _NAMES.replace("@n@", name).replace("@N@", name.upper())
    write_file_if_changed(CORE.relative_src_path("saelite_library.h"), names)
