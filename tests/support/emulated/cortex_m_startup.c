// Startup for a Cortex-M in QEMU: vectors, memory, floating-point unit, main, exit.
#include <stdint.h>

#include "semihosting.h"

extern uint32_t data_source[], data_start[], data_end[], bss_start[], bss_end[], stack_top[];

int main(void);
void reset(void);

static void fail(void) { semihosting_exit(1); }

__attribute__((section(".vectors"), used)) static void *const vectors[16] = {
    stack_top, (void *)reset, (void *)fail, (void *)fail, (void *)fail, (void *)fail, (void *)fail,
};

void reset(void) {
  const uint32_t *source = data_source;
  for (uint32_t *word = data_start; word < data_end; ++word) *word = *source++;
  for (uint32_t *word = bss_start; word < bss_end; ++word) *word = 0;
#ifdef __ARM_FP
  *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20;  // CPACR: access to the floating-point unit
  __asm volatile("dsb\n isb");
#endif
  semihosting_exit(main());
}
