// Files of the host and the end of the program: by semihosting on a board, by stdio on this machine.
#ifndef SEMIHOSTING_H_
#define SEMIHOSTING_H_

#include <stdint.h>

#if defined(__arm__) || defined(__riscv)

enum { SYS_OPEN = 0x01, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_EXIT_EXTENDED = 0x20 };
enum { MODE_READ = 1, MODE_WRITE = 5 };  // "rb", "wb"

static inline int semihosting(int operation, const void *arguments) {
#ifdef __arm__
  register int r0 __asm("r0") = operation;
  register const void *r1 __asm("r1") = arguments;
  __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
#else
  register int a0 __asm("a0") = operation;
  register const void *a1 __asm("a1") = arguments;
  // The two shifts that do nothing mark the break, which must be on one page with them.
  __asm volatile(
      ".option push\n .option norvc\n .balign 16\n slli zero, zero, 0x1f\n ebreak\n srai zero, zero, 7\n .option pop"
      : "+r"(a0)
      : "r"(a1)
      : "memory");
  return a0;
#endif
}

static inline void semihosting_exit(int code) {
  const uint32_t arguments[2] = {0x20026u, (uint32_t)code};  // ADP_Stopped_ApplicationExit
  semihosting(SYS_EXIT_EXTENDED, arguments);
  for (;;) {
  }
}

static inline int semihosting_open(const char *path, uint32_t length, uint32_t mode) {
  const uint32_t arguments[3] = {(uint32_t)(uintptr_t)path, mode, length};
  return semihosting(SYS_OPEN, arguments);
}

// Returns 1 if all bytes were read.
static inline int semihosting_read(int file, void *bytes, uint32_t count) {
  const uint32_t arguments[3] = {(uint32_t)file, (uint32_t)(uintptr_t)bytes, count};
  return semihosting(SYS_READ, arguments) == 0;
}

static inline void semihosting_write(int file, const void *bytes, uint32_t count) {
  const uint32_t arguments[3] = {(uint32_t)file, (uint32_t)(uintptr_t)bytes, count};
  semihosting(SYS_WRITE, arguments);
}

#else

#include <stdio.h>

enum { MODE_READ, MODE_WRITE };

static FILE *files[2];

static inline int semihosting_open(const char *path, uint32_t length, int mode) {
  (void)length;
  files[mode] = fopen(path, mode == MODE_READ ? "rb" : "wb");
  return mode;
}

static inline int semihosting_read(int file, void *bytes, uint32_t count) {
  return fread(bytes, count, 1, files[file]) == 1;
}

static inline void semihosting_write(int file, const void *bytes, uint32_t count) { fwrite(bytes, count, 1, files[file]); }

#endif

#endif  // SEMIHOSTING_H_
