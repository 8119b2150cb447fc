"""The alarm, with hysteresis and debounce."""

from __future__ import annotations

from typing import Any

import esphome.codegen as cg
import esphome.config_validation as cv
from esphome.components import binary_sensor
from esphome.const import DEVICE_CLASS_PROBLEM

from . import CONF_SAELITE_ID, SaeliteComponent

DEPENDENCIES = ["saelite"]

CONFIG_SCHEMA = binary_sensor.binary_sensor_schema(device_class=DEVICE_CLASS_PROBLEM).extend(
    {cv.GenerateID(CONF_SAELITE_ID): cv.use_id(SaeliteComponent)}
)


async def to_code(config: dict[str, Any]) -> None:
    """Generate the binary sensor."""
    component = await cg.get_variable(config[CONF_SAELITE_ID])
    cg.add(component.set_alarm_binary_sensor(await binary_sensor.new_binary_sensor(config)))
