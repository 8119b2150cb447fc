// Counts the instructions of readings that each complete a window.
#include "board_detector.h"
#include "semihosting.h"
#include "systick.h"

static board_detector detector;
static float readings[COUNTED][BOARD_SENSORS];

int main(void) {
  const int source = semihosting_open("readings.bin", 12, MODE_READ);
  const int target = semihosting_open("results.bin", 11, MODE_WRITE);
  board_detector_init(&detector);
  for (int t = 0; t < BOARD_WINDOW; ++t) {
    if (!semihosting_read(source, readings[0], sizeof readings[0])) return 1;
    board_detector_update(&detector, readings[0]);
  }
  if (!semihosting_read(source, readings, sizeof readings)) return 1;
  const uint32_t start = start_ticks();
  for (int t = 0; t < COUNTED; ++t) board_detector_update(&detector, readings[t]);
  const uint32_t ticks = ticks_since(start);
  semihosting_write(target, &ticks, sizeof ticks);
  return 0;
}
