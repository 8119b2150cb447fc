"""The smoothed score: 1.0 is the threshold."""

from __future__ import annotations

from typing import Any

import esphome.codegen as cg
import esphome.config_validation as cv
from esphome.components import sensor
from esphome.const import STATE_CLASS_MEASUREMENT

from . import CONF_SAELITE_ID, SaeliteComponent

DEPENDENCIES = ["saelite"]

CONFIG_SCHEMA = sensor.sensor_schema(
    accuracy_decimals=3, icon="mdi:chart-bell-curve", state_class=STATE_CLASS_MEASUREMENT
).extend({cv.GenerateID(CONF_SAELITE_ID): cv.use_id(SaeliteComponent)})


async def to_code(config: dict[str, Any]) -> None:
    """Generate the sensor."""
    component = await cg.get_variable(config[CONF_SAELITE_ID])
    cg.add(component.set_score_sensor(await sensor.new_sensor(config)))
