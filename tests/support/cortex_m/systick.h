// The processor's counter. With -icount shift=0 an instruction takes 1 ns of QEMU's time, which it counts in ticks.
#ifndef SYSTICK_H_
#define SYSTICK_H_

#include <stdint.h>

#define SYST_CSR (*(volatile uint32_t *)0xE000E010u)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014u)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018u)

static inline uint32_t start_ticks(void) {
  SYST_RVR = 0xFFFFFFu;
  SYST_CVR = 0;
  SYST_CSR = 5;  // on, at the processor's clock, without interrupts
  return SYST_CVR;
}

// It counts down, in 24 bits.
static inline uint32_t ticks_since(uint32_t start) { return (start - SYST_CVR) & 0xFFFFFFu; }

#endif  // SYSTICK_H_
