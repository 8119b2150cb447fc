"""C of the inputs: scaling, features and rounding."""

from __future__ import annotations

# Code of each feature; @row@ is the first input row that it fills.
FEATURES = {
    "values": "  for (int t = 0; t < @N@_WINDOW; ++t) inputs[@row_plus@t * @N@_SENSORS] = series[t];",
    "mean": "  inputs[@row@ * @N@_SENSORS] = mean_of(series);",
    "std": "  inputs[@row@ * @N@_SENSORS] = deviation_of(series);",
    "min": "  inputs[@row@ * @N@_SENSORS] = smallest_of(series);",
    "max": "  inputs[@row@ * @N@_SENSORS] = largest_of(series);",
    "slope": "  inputs[@row@ * @N@_SENSORS] = slope_of(series);",
    "spectrum": "  write_bands(detector->power, spectrum_first, spectrum_count, spectrum_weights, inputs + @row@ * "
    "@N@_SENSORS);",
    "logmel": "  write_bands(detector->power, logmel_first, logmel_count, logmel_weights, inputs + @row@ * "
    "@N@_SENSORS);",
}

MEAN = """\
static float mean_of(const float *series) {
  float sum = 0.0f;
  for (int t = 0; t < @N@_WINDOW; ++t) sum += series[t];
  return sum / (float)@N@_WINDOW;
}"""
FUNCTIONS = {
    "std": """\
// Standard deviation.
static float deviation_of(const float *series) {
  const float mean = mean_of(series);
  float squares = 0.0f;
  for (int t = 0; t < @N@_WINDOW; ++t) squares += (series[t] - mean) * (series[t] - mean);
  return sqrtf(squares / (float)@N@_WINDOW);
}""",
    "min": """\
static float smallest_of(const float *series) {
  float smallest = series[0];
  for (int t = 1; t < @N@_WINDOW; ++t) smallest = series[t] < smallest ? series[t] : smallest;
  return smallest;
}""",
    "max": """\
static float largest_of(const float *series) {
  float largest = series[0];
  for (int t = 1; t < @N@_WINDOW; ++t) largest = series[t] > largest ? series[t] : largest;
  return largest;
}""",
    "slope": """\
// Rise of the least-squares line from the first reading to the last.
static float slope_of(const float *series) {
  float rise = 0.0f;
  for (int t = 0; t < @N@_WINDOW; ++t) rise += slope_weights[t] * series[t];
  return rise;
}""",
}
POWER = """\
// Power at each frequency, of the Hann-windowed discrete Fourier transform.
static void write_power(const float *series, float *power) {
  for (int k = 0; k < BINS; ++k) {
    float real = 0.0f, imaginary = 0.0f;
    int step = 0;  // k * t modulo the window: where in its turn the wave is
    for (int t = 0; t < @N@_WINDOW; ++t) {
      const float value = hann[t] * series[t];
      real += value * cosine[step];
      imaginary += value * sine[step];
      step += k;
      if (step >= @N@_WINDOW) step -= @N@_WINDOW;
    }
    power[k] = real * real + imaginary * imaginary;
  }
}

// Log of the weighted power in each band. Bands are runs of frequencies, whose weights follow one another.
static void write_bands(const float *power, const int16_t *first, const int16_t *count, const float *weights,
                        float *inputs) {
  for (int band = 0; band < BANDS; ++band) {
    float sum = 0.0f;
    for (int k = first[band]; k < first[band] + count[band]; ++k) sum += *weights++ * power[k];
    inputs[band * @N@_SENSORS] = logf(sum + POWER_FLOOR);
  }
}"""

INPUTS = """\
// Writes the inputs of one sensor, from its scaled readings.
static void write_inputs(@n@_detector *detector, int sensor) {
  const float *series = detector->series;
  float *inputs = detector->inputs + sensor;  // the next row is SENSORS further on
@power_call@@features@
}"""
SCALED_INPUTS = """\
// Features are scaled once more, as in training.
static void scale_inputs(float inputs[@N@_INPUTS]) {
  for (int i = 0; i < @N@_INPUTS; ++i) inputs[i] = limited((inputs[i] - input_center[i]) * input_gain[i]);
}"""

QUANTIZE = """\
// Rounds to the nearest step, halves to the even one, and shifts it by the zero point.
static int8_t quantized(float value) {
  const float steps = value / INPUT_SCALE;
  if (!(steps < 256.0f)) return INT8_MAX;
  if (!(steps > -256.0f)) return INT8_MIN;
  int whole = (int)steps;
  const float rest = steps - (float)whole;
  if (rest > 0.5f || (rest == 0.5f && whole % 2 != 0)) ++whole;
  if (rest < -0.5f || (rest == -0.5f && whole % 2 != 0)) --whole;
  whole += INPUT_ZERO_POINT;
  return (int8_t)(whole > INT8_MAX ? INT8_MAX : whole < INT8_MIN ? INT8_MIN : whole);
}

void @n@_detector_net_inputs(const @n@_detector *detector, int8_t inputs[@N@_INPUTS]) {
  for (int i = 0; i < @N@_INPUTS; ++i) inputs[i] = quantized(detector->inputs[i]);
}"""
FLOAT_INPUTS = """\
void @n@_detector_net_inputs(const @n@_detector *detector, float inputs[@N@_INPUTS]) {
  for (int i = 0; i < @N@_INPUTS; ++i) inputs[i] = detector->inputs[i];
}"""

SERIES = """\
// Writes the scaled readings of one sensor, oldest first.
static void scale_readings(@n@_detector *detector, int sensor) {
@moved@  int row = detector->next;
  for (int t = 0; t < @N@_WINDOW; ++t) {
    const float reading = @reading@;
    detector->series[t] = limited((reading - center[sensor]) * gain[sensor]);
    row = row + 1 < @N@_WINDOW ? row + 1 : 0;
  }
}"""
MOVED = """\
  // As they would have been with the mean and scale of training.
  const float mean = (float)(trained_mean[sensor] + detector->drift[sensor]);
  const float spread = (float)sqrt(detector->variance[sensor]);
"""
MOVED_READING = "(detector->readings[row][sensor] - mean) / spread + center[sensor]"
PLAIN_READING = "detector->readings[row][sensor]"
