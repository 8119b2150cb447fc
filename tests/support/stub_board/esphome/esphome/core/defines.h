#pragma once

#define USE_BINARY_SENSOR
#define USE_SENSOR
#define USE_TEXT_SENSOR
