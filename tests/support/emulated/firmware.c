// The smallest firmware around a detector, or around nothing, to see what the detector adds to it.
#ifdef WITH_DETECTOR
#include "board_detector.h"

static board_detector detector;
volatile float reading[BOARD_SENSORS];
volatile int alarm;

int main(void) {
  board_detector_init(&detector);
  for (;;) {
    float now[BOARD_SENSORS];
    for (int s = 0; s < BOARD_SENSORS; ++s) now[s] = reading[s];
    if (board_detector_update(&detector, now)) alarm = detector.alarm;
  }
}
#else
int main(void) {
  for (;;) {
  }
}
#endif
