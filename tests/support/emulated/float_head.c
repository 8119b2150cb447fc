// A head in floats, as it would be without integers: the same triangular factor, for VARIABLES values and MODES.
#include "semihosting.h"
#include "systick.h"

#define TRIANGLE (VARIABLES * (VARIABLES + 1) / 2)

// Not constant, so that nothing is computed by the compiler; what they are does not matter to the count.
static float values[VARIABLES], mean[MODES * VARIABLES], factor[MODES * TRIANGLE], deviations[VARIABLES];
static volatile float score;

static float distance(void) {
  const float *f = factor, *m = mean;
  float nearest = 3e38f;
  for (int k = 0; k < MODES; ++k) {
    float sum = 0.0f;
    for (int i = 0; i < VARIABLES; ++i) deviations[i] = values[i] - *m++;
    for (int j = 0; j < VARIABLES; ++j) {
      const float *z = deviations + j;
      float whitened = 0.0f;
      int count = VARIABLES - j;
      for (; count % 4 != 0; --count) whitened += *f++ * *z++;
      for (; count != 0; count -= 4) {
        whitened += *f++ * *z++;
        whitened += *f++ * *z++;
        whitened += *f++ * *z++;
        whitened += *f++ * *z++;
      }
      sum += whitened * whitened;
    }
    if (sum < nearest) nearest = sum;
  }
  return nearest;
}

int main(void) {
  const int target = semihosting_open("results.bin", 11, MODE_WRITE);
  const uint32_t start = start_ticks();
  for (int t = 0; t < COUNTED; ++t) score = distance();
  const uint32_t ticks = ticks_since(start);
  semihosting_write(target, &ticks, sizeof ticks);
  return 0;
}
