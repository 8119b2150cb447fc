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
// Rounds to whole steps of 16 bits; NAN counts as far above. Of what is positive, a conversion cuts off the fraction.
static inline int steps_of(float value) {
  if (fabsf(value) < @largest@.0f) return (int)(value + 32768.5f) - 32768;
  return value < 0.0f ? -@largest@ : @largest@;
}

// Writes what the score is made of, minus its mean on normal windows, in steps of its own for each: @parts@.
static void write_deviations(@n@_detector *detector@mode@) {
  int16_t *u = detector->deviations;
  const float *mean = head_mean@offset@;
  const uint8_t *steps = head_steps@offset@;
@loops@
}

// A sum over 2^(shift + 1), rounded. >> of a negative number keeps its sign in every compiler for these chips.
static int32_t shifted(int32_t sum, int shift) { return ((sum >> shift) + 1) >> 1; }

@columns@

static int64_t square(int32_t value) { return (int64_t)value * value; }

// The sum of squares as a score; nearly all fit in 32 bits, which are converted sooner.
static float score_of(int64_t sum) {
  return HEAD_UNIT * (sum <= INT32_MAX ? (float)(int32_t)sum : (float)sum);
}"""
_COLUMNS = """\
// Multiplies by two columns of @bits@ bits, so that deviations are loaded once for both: the second is one element
// shorter. Returns where the next is. No sum needs more than 32 bits; the constants were checked for that.
#ifdef __GNUC__
__attribute__((noinline))  // so that its loops have the registers for themselves
#endif
static const @type@ *@kind@_columns(const @type@ *a, const int16_t *u, int count, int32_t sums[2]) {
  const @type@ *b = a + count;
  int32_t first = *a++ * *u++, second = 0;
#ifdef DUAL_PRODUCTS
  const int16_t *const end = u + count - 1;
  int singles = (count - 1) % @block@;
#else
  int singles = count - 1;
#endif
  for (; singles != 0; --singles) {
    first += *a++ * *u;
    second += *b++ * *u++;
  }
#ifdef DUAL_PRODUCTS
  if (u != end) {
    do {
@body@
      a += @block@;
      b += @block@;
      u += @block@;
    } while (u != end);
  }
#endif
  sums[0] = first;
  sums[1] = second;
  return b;
}"""
_FINE = """\
#ifdef DUAL_PRODUCTS
// Adds two products.
static int32_t add_two(int32_t sum, const int16_t *a, const int16_t *u) {
  int16x2_t two_of_a, two_of_u;
  memcpy(&two_of_a, a, sizeof two_of_a);
  memcpy(&two_of_u, u, sizeof two_of_u);
  return __smlad(two_of_a, two_of_u, sum);
}
#endif

"""
_FINE_BODY = """\
      first = add_two(add_two(first, a, u), a + 2, u + 2);
      second = add_two(add_two(second, b, u), b + 2, u + 2);
      first = add_two(add_two(first, a + 4, u + 4), a + 6, u + 6);
      second = add_two(add_two(second, b + 4, u + 4), b + 6, u + 6);"""
_COARSE = """\
#ifdef DUAL_PRODUCTS
// Adds four products. Bytes are widened two by two, the first and the third and the second and the fourth.
static int32_t add_four(int32_t sum, const int8_t *a, const int16_t *u) {
  uint32_t bytes, low, high;
  memcpy(&bytes, a, sizeof bytes);
  memcpy(&low, u, sizeof low);
  memcpy(&high, u + 2, sizeof high);
  sum = __smlad(__sxtb16((int8x4_t)bytes), (int16x2_t)((low & 0xffffu) | high << 16), sum);
  return __smlad(__sxtb16((int8x4_t)(bytes >> 8)), (int16x2_t)(low >> 16 | (high & 0xffff0000u)), sum);
}
#endif

"""
_COARSE_BODY = """\
      first = add_four(first, a, u);
      second = add_four(second, b, u);"""
FINE = {"kind": "fine", "bits": "16", "type": "int16_t", "block": "8", "body": _FINE_BODY}
COARSE = {"kind": "coarse", "bits": "8", "type": "int8_t", "block": "4", "body": _COARSE_BODY}
FINE_COLUMNS, COARSE_COLUMNS = _FINE + _COLUMNS, _COARSE + _COLUMNS
STEPS_LOOP = (
    "  for (int i = 0; i < @count@; ++i) *u++ = (int16_t)steps_of((@value@ - *mean++) * power_of_two(*steps++));"
)
RESIDUAL_STEPS_LOOP = """\
  for (int i = 0; i < @N@_INPUTS; ++i) {
    const float expected = @value@;
    *u++ = (int16_t)steps_of(((detector->inputs[i] - expected) - *mean++) * power_of_two(*steps++));
  }"""
ONE_CENTER = """\
// Squared Mahalanobis distance, T2, by a triangular factor of the precision matrix.
static float distance(@n@_detector *detector) {
@pointers@
  const int8_t *const shift = head_shift;
  int32_t sums[2];
  int64_t sum = 0;
  write_deviations(detector);
@loops@
  return score_of(sum);
}"""
POINTER = "  const @type@ *@kind@ = head_@kind@;"
SQUARE = """\
  for (int j = @first@; j < @end@; j += 2) {
    @kind@ = @kind@_columns(@kind@, detector->deviations + j, @N@_VARIABLES - j, sums);
    sum += square(shifted(sums[0], shift[j]));
    sum += square(shifted(sums[1], shift[j + 1]));
  }"""
PROTOTYPES = """\
// Squared distance from the nearest centre, in the space whitened by a triangular factor of the precision matrix.
static float distance(@n@_detector *detector) {
@pointers@
  const int16_t *point = head_centers;
  int32_t sums[2];
  int64_t nearest = INT64_MAX;
  write_deviations(detector);
@loops@
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
KEEP = """\
  for (int j = @first@; j < @end@; j += 2) {
    @kind@ = @kind@_columns(@kind@, detector->deviations + j, @N@_VARIABLES - j, sums);
    detector->whitened[j] = shifted(sums[0], head_shift[j]);
    detector->whitened[j + 1] = shifted(sums[1], head_shift[j + 1]);
  }"""
MODES = """\
// Squared Mahalanobis distance, T2, from the nearest of several modes, each with a triangular factor of its own.
static float distance(@n@_detector *detector) {
@pointers@
  const int8_t *shift = head_shift;
  int32_t sums[2];
  int64_t nearest = INT64_MAX;
  for (int k = 0; k < CENTERS; ++k) {
    int64_t sum = 0;
    write_deviations(detector, k);
@loops@
    shift += @N@_VARIABLES;
    if (sum < nearest) {
      nearest = sum;
      detector->mode = k;
    }
  }
  return score_of(nearest);
}"""
PAIRS = """\
#if defined(__ARM_FEATURE_SIMD32) && !defined(__ARM_BIG_ENDIAN)
#define DUAL_PRODUCTS
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
