// An encoder of UNITS by the reference kernels of TensorFlow Lite Micro, without its interpreter: dense layers, of which
// the last has a sigmoid behind it. Weights do not matter to the count.
#include "tensorflow/lite/kernels/internal/reference/integer_ops/fully_connected.h"
#include "tensorflow/lite/kernels/internal/reference/integer_ops/logistic.h"

namespace tflite_micro {

// The package has the header alone. Rounded twice, as the library does.
int32_t MultiplyByQuantizedMultiplier(int32_t x, int32_t multiplier, int shift) {
  return shift > 0 ? MultiplyByQuantizedMultiplierGreaterThanOne(x, multiplier, shift)
                   : MultiplyByQuantizedMultiplierSmallerThanOneExp(x, multiplier, shift);
}

}  // namespace tflite_micro

namespace {

constexpr int units[] = {UNITS};
constexpr int layers = sizeof units / sizeof units[0] - 1;
constexpr int count(int layer) { return layer == layers ? 0 : units[layer] * units[layer + 1] + count(layer + 1); }
constexpr int widest(int layer) {
  return layer == layers ? units[layer] : units[layer] > widest(layer + 1) ? units[layer] : widest(layer + 1);
}

int8_t values[2][widest(0)];

}  // namespace

// Seen from outside, so that they stay what they are.
extern const int8_t tflm_weights[count(0)] = {1, -2, 3};
extern const int32_t tflm_bias[widest(0)] = {100, -100};

extern "C" void tflm_run(void) {
  const int8_t *layer_weights = tflm_weights;
  for (int layer = 0; layer < layers; ++layer) {
    tflite_micro::FullyConnectedParams params = {};
    params.input_offset = 1;
    params.output_multiplier = 1 << 30;
    params.output_shift = -7;
    params.output_offset = -1;
    params.quantized_activation_min = -128;
    params.quantized_activation_max = 127;
    const int32_t from[] = {1, units[layer]}, to[] = {1, units[layer + 1]}, both[] = {units[layer + 1], units[layer]};
    const tflite_micro::RuntimeShape input(2, from), filter(2, both), width(1, to + 1), output(2, to);
    tflite_micro::reference_integer_ops::FullyConnected(params, input, values[layer % 2], filter, layer_weights, width,
                                                        tflm_bias, output, values[(layer + 1) % 2]);
    layer_weights += units[layer] * units[layer + 1];
  }
  tflite_micro::reference_integer_ops::Logistic(0, 100, 1 << 30, 3, units[layers], values[layers % 2], values[layers % 2]);
}
