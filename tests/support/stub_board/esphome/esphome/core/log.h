#pragma once

#include <cstdio>

#define ESP_LOGCONFIG(tag, ...) ((void) (tag), std::printf(__VA_ARGS__), std::putchar('\n'))
#define LOG_UPDATE_INTERVAL(component) ((void) (component))
#define LOG_SENSOR(prefix, type, entity) ((void) (entity))
#define LOG_BINARY_SENSOR(prefix, type, entity) ((void) (entity))
#define LOG_TEXT_SENSOR(prefix, type, entity) ((void) (entity))
