#ifndef ZEPHYR_KERNEL_H_
#define ZEPHYR_KERNEL_H_

#include <stdint.h>

static inline int32_t k_msleep(int32_t ms) { return ms < 0; }

#endif  // ZEPHYR_KERNEL_H_
