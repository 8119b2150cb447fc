// Startup for a RISC-V in QEMU: stack, memory, floating-point unit, main, exit. The program is loaded into RAM.
#include <stdint.h>

#include "semihosting.h"

extern uint32_t bss_start[], bss_end[];

int main(void);
void start(void);

__attribute__((naked, section(".vectors"), used)) void reset(void) {
  __asm volatile(
      ".option push\n .option norelax\n la gp, __global_pointer$\n .option pop\n"
      "la sp, stack_top\n"
      "la t0, failed\n"
      ".option push\n .option arch, +zicsr\n csrw mtvec, t0\n .option pop\n"
      "j start");
}

__attribute__((used, aligned(4))) void failed(void) { semihosting_exit(1); }

void start(void) {
  for (uint32_t *word = bss_start; word < bss_end; ++word) *word = 0;
#ifdef __riscv_flen
  __asm volatile(".option push\n .option arch, +zicsr\n csrs mstatus, %0\n .option pop" : : "r"(1u << 13));
#endif
  semihosting_exit(main());
}
