// Feeds readings.bin to the detector and writes what it says of each window to results.bin.
#include "board_detector.h"
#include "semihosting.h"

typedef struct {
  float score, smoothed;
  int32_t is_anomaly, alarm;
} results;

static board_detector detector;
static board_net_outputs outputs;
static NET_TYPE inputs[BOARD_INPUTS];

int main(void) {
  float reading[BOARD_SENSORS], shares[BOARD_SENSORS];
  const int source = semihosting_open("readings.bin", 12, MODE_READ);
  const int target = semihosting_open("results.bin", 11, MODE_WRITE);
  board_detector_init(&detector);
  while (semihosting_read(source, reading, sizeof reading)) {
    if (!board_detector_update(&detector, reading)) continue;
    board_detector_net_inputs(&detector, inputs);
    board_net_run(inputs, &outputs);
    board_detector_blame(&detector, shares);
    const results result = {detector.score, detector.smoothed, detector.is_anomaly, detector.alarm};
    semihosting_write(target, inputs, sizeof inputs);
    semihosting_write(target, outputs.codes, sizeof outputs.codes);
    semihosting_write(target, &result, sizeof result);
    semihosting_write(target, shares, sizeof shares);
  }
  return 0;
}
