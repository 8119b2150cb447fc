"""C of the scoring heads and of the sensors to blame; see `edge_runtime.inference.heads` for the formulas."""

from __future__ import annotations

# Of a head in full precision.
DEVIATIONS = """\
// Writes what the score is made of, minus its mean on normal windows: @parts@.
static void write_deviations(@n@_detector *detector) {
  float *z = detector->deviations;
  const float *mean = head_mean;
@loops@
}"""
LOOP = "  for (int i = 0; i < @count@; ++i) *z++ = @value@ - *mean++;"
RESIDUAL_LOOP = """\
  for (int i = 0; i < @N@_INPUTS; ++i) {
    const float expected = @value@;
    *z++ = (detector->inputs[i] - expected) - *mean++;
  }"""
DIAGONAL = """\
// Sum of squares.
static float distance(@n@_detector *detector) {
  write_deviations(detector);
  float sum = 0.0f;
  for (int i = 0; i < @N@_VARIABLES; ++i) {
    const float whitened = detector->deviations[i] * head_whitening[i];
    sum += whitened * whitened;
  }
  return sum;
}"""

POWER_OF_TWO = """\
// A power of two, by the exponent of its float32; 0 for 0.
static float power_of_two(uint8_t exponent) {
  const uint32_t bits = (uint32_t)exponent << 23;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}"""

# Of a head in integers.
STEPS = """\
// Rounds to whole steps of 16 bits, halves away from zero; NAN counts as far above.
static int steps_of(float value) {
  if (fabsf(value) < @largest@.0f) return (int)(value + (signbit(value) ? -0.5f : 0.5f));
  return value < 0.0f ? -@largest@ : @largest@;
}

// Writes what the score is made of, minus its mean on normal windows, in steps of its own for each: @parts@.
static void write_deviations(@n@_detector *detector@mode@) {
  int16_t *u = detector->deviations;
  const float *mean = head_mean@offset@;
  const uint8_t *steps = head_steps@offset@;
@loops@
}

@dot@

static int64_t square(int32_t value) { return (int64_t)value * value; }

// The sum of squares as a score; nearly all fit in 32 bits, which are converted sooner.
static float score_of(int64_t sum) {
  return HEAD_UNIT * (sum <= INT32_MAX ? (float)(int32_t)sum : (float)sum);
}"""
DOT_8_BITS = """\
// No sum needs more than 32 bits: the constants were checked for that.
static int32_t dot(const int8_t *a, const int16_t *b, int count) {
  int32_t sum = 0;
  for (; count % 4 != 0; --count) sum += *a++ * *b++;
  for (; count != 0; count -= 4) {
    sum += *a++ * *b++;
    sum += *a++ * *b++;
    sum += *a++ * *b++;
    sum += *a++ * *b++;
  }
  return sum;
}

// A sum of products over 2^shift, rounded. >> of a negative number keeps its sign in every compiler for these chips.
static int32_t shifted(int32_t sum, int shift) { return (sum + (INT32_C(1) << (shift - 1))) >> shift; }"""
DOT_16_BITS = """\
// Adds two products, which fit in 32 bits together, as no factor is below -@largest@.
#ifdef __ARM_FEATURE_SIMD32
static int64_t add_two(int64_t sum, const int16_t *a, const int16_t *b) {
  int16x2_t two_of_a, two_of_b;
  memcpy(&two_of_a, a, sizeof two_of_a);
  memcpy(&two_of_b, b, sizeof two_of_b);
  return __smlald(two_of_a, two_of_b, sum);
}
#else
static int64_t add_two(int64_t sum, const int16_t *a, const int16_t *b) { return sum + (a[0] * b[0] + a[1] * b[1]); }
#endif

#ifdef __GNUC__
__attribute__((noinline))  // so that its loops have the registers for themselves
#endif
static int64_t dot(const int16_t *a, const int16_t *b, int count) {
  int64_t sum = 0;
  for (; count % 2 != 0; --count) sum += *a++ * *b++;
  for (; count % 8 != 0; count -= 2, a += 2, b += 2) sum = add_two(sum, a, b);
  for (; count != 0; count -= 8, a += 8, b += 8) {
    sum = add_two(add_two(sum, a, b), a + 2, b + 2);
    sum = add_two(add_two(sum, a + 4, b + 4), a + 6, b + 6);
  }
  return sum;
}

// A sum of products over 2^shift, rounded: 32 of its 64 bits, as a shift of all of them takes several times as long.
static int32_t shifted(int64_t sum, int shift) {
  const uint64_t rounded = (uint64_t)sum + (UINT32_C(1) << (shift - 1));
  return (int32_t)((uint32_t)(rounded >> 32) << (32 - shift) | (uint32_t)rounded >> shift);
}"""
STEPS_LOOP = (
    "  for (int i = 0; i < @count@; ++i) *u++ = (int16_t)steps_of((@value@ - *mean++) * power_of_two(*steps++));"
)
RESIDUAL_STEPS_LOOP = """\
  for (int i = 0; i < @N@_INPUTS; ++i) {
    const float expected = @value@;
    *u++ = (int16_t)steps_of(((detector->inputs[i] - expected) - *mean++) * power_of_two(*steps++));
  }"""
ONE_CENTER = """\
// Squared Mahalanobis distance, T2, by a triangular factor of the precision matrix. No sum can overflow: the constants
// were checked for that.
static float distance(@n@_detector *detector) {
  const @factor@ *column = head_factor;
  int64_t sum = 0;
  write_deviations(detector);
  for (int j = 0; j < @N@_VARIABLES; ++j) {
    const int count = @N@_VARIABLES - j;
    sum += square(shifted(dot(column, detector->deviations + j, count), head_shift[j]));
    column += count;
  }
  return score_of(sum);
}"""
PROTOTYPES = """\
// Squared distance from the nearest centre, in the space whitened by a triangular factor. No sum can overflow: the
// constants were checked for that.
static float distance(@n@_detector *detector) {
  const @factor@ *column = head_factor;
  const int16_t *point = head_centers;
  int64_t nearest = INT64_MAX;
  write_deviations(detector);
  for (int j = 0; j < @N@_VARIABLES; ++j) {
    const int count = @N@_VARIABLES - j;
    detector->whitened[j] = shifted(dot(column, detector->deviations + j, count), head_shift[j]);
    column += count;
  }
  for (int k = 0; k < CENTERS; ++k) {
    int64_t sum = 0;
    for (int j = 0; j < @N@_VARIABLES; ++j) sum += square(detector->whitened[j] - *point++);
    if (sum < nearest) {
      nearest = sum;
      detector->mode = k;
    }
  }
  return score_of(nearest);
}"""
MODES = """\
// Squared Mahalanobis distance, T2, from the nearest of several modes, each with a triangular factor of its own. No sum
// can overflow: the constants were checked for that.
static float distance(@n@_detector *detector) {
  const @factor@ *column = head_factor;
  const int8_t *shift = head_shift;
  int64_t nearest = INT64_MAX;
  for (int k = 0; k < CENTERS; ++k) {
    int64_t sum = 0;
    write_deviations(detector, k);
    for (int j = 0; j < @N@_VARIABLES; ++j) {
      const int count = @N@_VARIABLES - j;
      sum += square(shifted(dot(column, detector->deviations + j, count), *shift++));
      column += count;
    }
    if (sum < nearest) {
      nearest = sum;
      detector->mode = k;
    }
  }
  return score_of(nearest);
}"""
PAIRS = """\
#ifdef __ARM_FEATURE_SIMD32
#include <arm_acle.h>  // two products at once; the sums are the same
#endif
"""

BLAME = """\
// How far the squared distance of the inputs falls if a sensor reads what the others lead to expect, as a share of all
// these; see Mason, Tracy and Young (1997).
void @n@_detector_blame(const @n@_detector *detector, float shares[@N@_SENSORS]) {
@mode@  float total = 0.0f;
  for (int s = 0; s < @N@_SENSORS; ++s) shares[s] = BLAME_FLOOR;
  for (int j = 0; j < @N@_INPUTS; ++j) {
@ratio@
    shares[j % @N@_SENSORS] += ratio * ratio;
  }
  for (int s = 0; s < @N@_SENSORS; ++s) total += shares[s];
  for (int s = 0; s < @N@_SENSORS; ++s) shares[s] *= detector->score / total;
}

int @n@_detector_blamed(const @n@_detector *detector) {
  float shares[@N@_SENSORS];
  int largest = 0;
  @n@_detector_blame(detector, shares);
  for (int s = 1; s < @N@_SENSORS; ++s) largest = shares[s] > shares[largest] ? s : largest;
  return largest;
}
"""
DIAGONAL_MODE = """\
  const float *mean = blame_mean@mean_offset@;
  const float *row = blame_matrix@matrix_offset@;
"""
FULL_MODE = """\
  const float *mean = blame_mean@mean_offset@;
  const int16_t *row = blame_matrix@matrix_offset@;
  const uint8_t *steps = blame_steps@steps_offset@;
"""
FULL_RATIO = """\
    float ratio = 0.0f;
    for (int i = 0; i < @N@_INPUTS; ++i) ratio += (float)*row++ * (detector->inputs[i] - mean[i]);
    ratio *= power_of_two(steps[j]);"""
DIAGONAL_RATIO = "    const float ratio = row[j] * (detector->inputs[j] - mean[j]);"
EXPECTED = """\

void @n@_detector_expected(const @n@_detector *detector, float values[@N@_SENSORS]) {
  const float *mean = blame_mean@mean_offset@;
  const int16_t *row = expected_matrix@level_offset@;
  const uint8_t *steps = expected_steps@level_steps_offset@;
  for (int s = 0; s < @N@_SENSORS; ++s) {
    float sum = 0.0f;
    for (int i = 0; i < @N@_INPUTS; ++i) sum += (float)*row++ * (detector->inputs[i] - mean[i]);
    values[s] = expected_bias[@bias_offset@s] + sum * power_of_two(steps[s]);
@usual@  }
}
"""
