#ifndef FREERTOS_FREERTOS_H_
#define FREERTOS_FREERTOS_H_

#include <stdint.h>

typedef uint32_t TickType_t;
#define pdMS_TO_TICKS(ms) ((TickType_t)(ms) / 10)

#endif  // FREERTOS_FREERTOS_H_
