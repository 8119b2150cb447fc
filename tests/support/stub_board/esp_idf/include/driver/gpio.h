#ifndef DRIVER_GPIO_H_
#define DRIVER_GPIO_H_

#include <stdint.h>

#include "esp_err.h"

typedef enum { GPIO_NUM_2 = 2 } gpio_num_t;
typedef enum { GPIO_MODE_INPUT = 1, GPIO_MODE_OUTPUT = 2 } gpio_mode_t;

static inline esp_err_t gpio_set_direction(gpio_num_t pin, gpio_mode_t mode) {
  return pin == GPIO_NUM_2 && mode == GPIO_MODE_OUTPUT ? ESP_OK : 1;
}
static inline esp_err_t gpio_set_level(gpio_num_t pin, uint32_t level) {
  static uint32_t before = 0;
  if (level != before) printf("pin %s\n", level ? "on" : "off");
  before = level;
  return pin == GPIO_NUM_2 ? ESP_OK : 1;
}

#endif  // DRIVER_GPIO_H_
