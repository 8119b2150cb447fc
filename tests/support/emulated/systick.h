// The processor's counter. With -icount shift=0 an instruction takes 1 ns of QEMU's time, which a Cortex-M counts in ticks
// of its clock; RISC-V counts instructions.
#ifndef SYSTICK_H_
#define SYSTICK_H_

#include <stdint.h>

#ifdef __riscv
static inline uint32_t start_ticks(void) {
  uint32_t count;
  __asm volatile(".option push\n .option arch, +zicsr\n csrr %0, minstret\n .option pop" : "=r"(count));
  return count;
}

static inline uint32_t ticks_since(uint32_t start) { return start_ticks() - start; }
#else
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

#endif

#endif  // SYSTICK_H_
