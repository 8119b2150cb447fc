#ifndef ZEPHYR_SYS_PRINTK_H_
#define ZEPHYR_SYS_PRINTK_H_

#include <stdio.h>

#define printk printf

#endif  // ZEPHYR_SYS_PRINTK_H_
