"""The name of the sensor to blame while there is an alarm; empty otherwise."""

from __future__ import annotations

from typing import Any

import esphome.codegen as cg
import esphome.config_validation as cv
from esphome.components import text_sensor

from . import CONF_SAELITE_ID, SaeliteComponent

DEPENDENCIES = ["saelite"]

CONFIG_SCHEMA = text_sensor.text_sensor_schema(icon="mdi:magnify").extend(
    {cv.GenerateID(CONF_SAELITE_ID): cv.use_id(SaeliteComponent)}
)


async def to_code(config: dict[str, Any]) -> None:
    """Generate the text sensor."""
    component = await cg.get_variable(config[CONF_SAELITE_ID])
    cg.add(component.set_to_blame_text_sensor(await text_sensor.new_text_sensor(config)))
