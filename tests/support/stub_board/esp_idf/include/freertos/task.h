#ifndef FREERTOS_TASK_H_
#define FREERTOS_TASK_H_

#include "freertos/FreeRTOS.h"

static inline TickType_t xTaskGetTickCount(void) { return 0; }
static inline void vTaskDelayUntil(TickType_t *woken, TickType_t ticks) { *woken += ticks; }

#endif  // FREERTOS_TASK_H_
