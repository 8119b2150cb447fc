"""C of the network. @n@ is the detector's name, @N@ the name in capitals."""

from __future__ import annotations

NET_H = """\
// The network of "@title@": @about@.
// Written by saelite @version@ from a model file with SHA-256 @sha256@.
#ifndef @N@_NET_H_
#define @N@_NET_H_

#include <limits.h>
#include <stdint.h>

#if INT_MAX < 0x7fffffff
#error "expected an int of 32 bits or more; the compiler of an 8-bit AVR, for one, has 16"
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define @N@_NET_INPUTS @inputs@
@sizes@

typedef struct {
@members@
} @n@_net_outputs;

@net_contract@
void @n@_net_run(const @type@ inputs[@N@_NET_INPUTS], @n@_net_outputs *outputs);

#ifdef __cplusplus
}
#endif

#endif  // @N@_NET_H_
"""

NET_C = """\
// The network of "@title@". Written by saelite @version@; do not edit.
#include "@n@_net.h"
@net_includes@
@functions@

@constants@

void @n@_net_run(const @type@ inputs[@N@_NET_INPUTS], @n@_net_outputs *outputs) {
@buffers@@calls@
}
"""

PAIRS = """
#ifdef __ARM_FEATURE_SIMD32
#include <arm_acle.h>  // two products at once; the sums are the same
#include <string.h>
#endif
"""

_DENSE_TYPE = """\
// A dense layer: y = zero_point + (bias + weights * x) * @factor@, within low and high.
typedef struct {
  int inputs;
  int units;
  const int8_t *weights;  // units rows of inputs
  const int32_t *bias;    // units; minus the weights' sum times the input's zero point
@scaling@
  int32_t zero_point;
  int32_t low;
  int32_t high;
} dense_layer;

@rescaled@

// Adds four products.
#ifdef __ARM_FEATURE_SIMD32
static int32_t add_four(int32_t sum, const int8_t *a, const int8_t *b) {
  uint32_t four_of_a, four_of_b;
  memcpy(&four_of_a, a, sizeof four_of_a);
  memcpy(&four_of_b, b, sizeof four_of_b);
  // Bytes 0 and 2, widened, then 1 and 3.
  sum = __smlad(__sxtb16((int8x4_t)four_of_a), __sxtb16((int8x4_t)four_of_b), sum);
  return __smlad(__sxtb16((int8x4_t)(four_of_a >> 8)), __sxtb16((int8x4_t)(four_of_b >> 8)), sum);
}
#else
static int32_t add_four(int32_t sum, const int8_t *a, const int8_t *b) {
  return sum + a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];
}
#endif

static int32_t add_products(int32_t sum, const int8_t *a, const int8_t *b, int count) {
  for (; count % 4 != 0; --count) sum += *a++ * *b++;
  for (; count != 0; count -= 4, a += 4, b += 4) sum = add_four(sum, a, b);
  return sum;
}

static void dense(const dense_layer *layer, const int8_t *x, int8_t *y) {
  const int8_t *row = layer->weights;
  for (int unit = 0; unit < layer->units; ++unit) {
    const int32_t sum = add_products(layer->bias[unit], row, x, layer->inputs);
    const int32_t value = rescaled(sum, layer) + layer->zero_point;
    y[unit] = (int8_t)(value < layer->low ? layer->low : value > layer->high ? layer->high : value);
    row += layer->inputs;
  }
}"""

_ONCE = """\
// Rounded once, as LiteRT's reference kernels do. >> of a negative number keeps its sign in every compiler for these
// processors.
static int32_t rescaled(int32_t sum, const dense_layer *layer) {
  const int64_t product = (int64_t)sum * layer->multiplier;
  return (int32_t)((product + (INT64_C(1) << (layer->shift - 1))) >> layer->shift);
}"""

_TWICE = """\
// Rounded twice, as TensorFlow Lite Micro does: to the product's upper half, then half away from zero. >> of a negative
// number keeps its sign in every compiler for these processors.
static int32_t rescaled(int32_t sum, const dense_layer *layer) {
  const int64_t product = (int64_t)@sum@ * layer->multiplier;
  const int32_t high = (int32_t)((product + (INT64_C(1) << 30)) >> 31);
  if (layer->right == 0) return high;
  const int32_t half = (int32_t)1 << (layer->right - 1);
  return (high < 0 ? high + half - 1 : high + half) >> layer->right;
}"""


def _layers(factor: str, scaling: str, rescaled: str) -> str:
    return _DENSE_TYPE.replace("@factor@", factor).replace("@scaling@", scaling).replace("@rescaled@", rescaled)


RESCALED = {
    "once": _layers("multiplier / 2^shift", "  int32_t multiplier;\n  int shift;", _ONCE),
    "twice": _layers("multiplier / 2^(31 + right)", "  int32_t multiplier;\n  int right;",
                     _TWICE.replace("@sum@", "sum")),
    "twice, left": _layers("multiplier * 2^left / 2^(31 + right)", "  int32_t multiplier;\n  int left;\n  int right;",
                           _TWICE.replace("@sum@", "(sum * ((int32_t)1 << layer->left))")),
}  # fmt: skip

INT8_LAYER = """\
static const int8_t weights_@k@[@units@ * @inputs@] = {
@weights@
};
static const int32_t bias_@k@[@units@] = {
@bias@
};
static const dense_layer layer_@k@ = {@numbers@};"""

LOOKUP = """\
// An activation: any function of an int8 value is a table of 256. x and y may be the same.
static void look_up(const int8_t table[256], int count, const int8_t *x, int8_t *y) {
  for (int i = 0; i < count; ++i) y[i] = table[x[i] + 128];
}"""

FLOAT_LAYER = """\
static const float weights_@k@[@units@ * @inputs@] = {
@weights@
};
static const float bias_@k@[@units@] = {
@bias@
};
static const dense_layer layer_@k@ = {@inputs@, @units@, weights_@k@, bias_@k@, @low@, @high@};"""

# C of a float network, by function.
FLOAT_FUNCTION_C = {
    "dense": """\
// A dense layer: y = bias + weights * x, within low and high.
typedef struct {
  int inputs;
  int units;
  const float *weights;  // units rows of inputs
  const float *bias;     // units
  float low;
  float high;
} dense_layer;

static void dense(const dense_layer *layer, const float *x, float *y) {
  const float *row = layer->weights;
  for (int unit = 0; unit < layer->units; ++unit) {
    float sum = 0.0f;
    for (int i = 0; i < layer->inputs; ++i) sum += row[i] * x[i];
    sum += layer->bias[unit];
    y[unit] = sum < layer->low ? layer->low : sum > layer->high ? layer->high : sum;
    row += layer->inputs;
  }
}""",
    "RELU": "static float relu(float x) { return x > 0.0f ? x : 0.0f; }",
    "RELU6": "static float relu6(float x) { return x > 6.0f ? 6.0f : x > 0.0f ? x : 0.0f; }",
    "LOGISTIC": "static float logistic(float x) { return 1.0f / (1.0f + expf(-x)); }",
    "ELU": "static float elu(float x) { return x < 0.0f ? expm1f(x) : x; }",
}
