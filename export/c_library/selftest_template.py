"""C of the self-test. @n@ is the detector's name, @N@ the name in capitals."""

from __future__ import annotations

SELFTEST_C = """\
// Runs @windows@ reference windows of "@title@" and compares codes and scores with those that saelite @version@
// computed. Prints PASS or FAIL, and returns 0 or 1.
#include <stdio.h>

#include "@n@_detector.h"

#define WINDOWS @windows@
#define CODE_TOLERANCE @code_tolerance@
#define SCORE_TOLERANCE 1e-5f  // for a score of 1, the threshold; above it, as a share

// Raw readings.
static const float windows[WINDOWS * @N@_WINDOW * @N@_SENSORS] = {
@readings@
};
static const @type@ expected_codes[WINDOWS * @N@_NET_CODES] = {
@codes@
};
static const float expected_scores[WINDOWS] = {
@scores@
};

// Returns how many values differ.
static int compare_codes(const @type@ *codes, const @type@ *expected) {
  int wrong = 0;
  for (int i = 0; i < @N@_NET_CODES; ++i) {
    if (codes[i] - expected[i] > CODE_TOLERANCE || expected[i] - codes[i] > CODE_TOLERANCE) ++wrong;
  }
  return wrong;
}

static int is_close(float score, float expected) {
  const float tolerance = SCORE_TOLERANCE * (expected > 1.0f ? expected : 1.0f);
  return score - expected <= tolerance && expected - score <= tolerance;
}

#ifdef __cplusplus
extern "C"
#endif
int @n@_selftest(void);

// Returns 0 if everything is as expected.
int @n@_selftest(void) {
  static @n@_detector detector;
  static @n@_net_outputs outputs;
  static @type@ inputs[@N@_INPUTS];
  int wrong_codes = 0, wrong_scores = 0;
  for (int w = 0; w < WINDOWS; ++w) {
    @n@_detector_init(&detector);
    for (int t = 0; t < @N@_WINDOW; ++t) {
      for (int s = 0; s < @N@_SENSORS; ++s) {
        detector.readings[t][s] = windows[(w * @N@_WINDOW + t) * @N@_SENSORS + s];
      }
    }
    @n@_detector_score(&detector);
    @n@_detector_net_inputs(&detector, inputs);
    @n@_net_run(inputs, &outputs);
    wrong_codes += compare_codes(outputs.codes, expected_codes + w * @N@_NET_CODES);
    if (!is_close(detector.score, expected_scores[w])) ++wrong_scores;
  }
  printf("%s: %d of %d codes and %d of %d scores differ\\n", wrong_codes + wrong_scores == 0 ? "PASS" : "FAIL",
         wrong_codes, WINDOWS * @N@_NET_CODES, wrong_scores, WINDOWS);
  return wrong_codes + wrong_scores == 0 ? 0 : 1;
}
"""

MAIN_C = """
// Without a main(), define @N@_SELFTEST_NO_MAIN and call @n@_selftest().
#ifndef @N@_SELFTEST_NO_MAIN
int main(void) { return @n@_selftest(); }
#endif
"""
