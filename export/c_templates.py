"""C templates that `export.micro` fills in. @n@ is the detector's name, @N@ the name in capitals."""

from __future__ import annotations

QUANTIZE = """\
const float step = nearbyintf(@n@_scaled(window, i) / @N@_INPUT_SCALE) + @N@_INPUT_ZERO_POINT;
    inputs[i] = (int8_t)fminf(fmaxf(step, -128.0f), 127.0f);"""
DIAGONAL = """\
  float score = 0.0f;
  for (int j = 0; j < @N@_VARIABLES; ++j) {
    const float whitened = z[j] * @n@_head_whitening[j];
    score += whitened * whitened;
  }
  return score;"""
ONE_MATRIX = """\
  float whitened[@N@_WHITENED];
  for (int j = 0; j < @N@_WHITENED; ++j) {
    whitened[j] = 0.0f;
    for (int i = 0; i < @N@_VARIABLES; ++i) whitened[j] += z[i] * @n@_head_whitening[i * @N@_WHITENED + j];
  }
  float score = INFINITY;
  for (int k = 0; k < @N@_CENTERS; ++k) {
    float distance = 0.0f;
    for (int j = 0; j < @N@_WHITENED; ++j) {
      const float difference = whitened[j] - @n@_head_centers[k * @N@_WHITENED + j];
      distance += difference * difference;
    }
    score = fminf(score, distance);
  }
  return score;"""
MATRIX_PER_CENTER = """\
  float score = INFINITY;
  for (int k = 0; k < @N@_CENTERS; ++k) {
    const float *whitening = @n@_head_whitening + k * @N@_VARIABLES * @N@_WHITENED;
    float distance = 0.0f;
    for (int j = 0; j < @N@_WHITENED; ++j) {
      float difference = -@n@_head_centers[k * @N@_WHITENED + j];
      for (int i = 0; i < @N@_VARIABLES; ++i) difference += z[i] * whitening[i * @N@_WHITENED + j];
      distance += difference * difference;
    }
    score = fminf(score, distance);
  }
  return score;"""
# How one row of inputs follows from a sensor's scaled readings: code that stores it in `value`.
FEATURES = {
    "values": "value = @n@_value(window, row - {first}, sensor);",
    "mean": "value = @n@_mean(window, sensor);",
    "std": """\
const float mean = @n@_mean(window, sensor);
      float squares = 0.0f;
      for (int t = 0; t < @N@_WINDOW; ++t) {{
        const float difference = @n@_value(window, t, sensor) - mean;
        squares += difference * difference;
      }}
      value = sqrtf(squares / @N@_WINDOW);""",
    "min": """\
value = INFINITY;
      for (int t = 0; t < @N@_WINDOW; ++t) value = fminf(value, @n@_value(window, t, sensor));""",
    "max": """\
value = -INFINITY;
      for (int t = 0; t < @N@_WINDOW; ++t) value = fmaxf(value, @n@_value(window, t, sensor));""",
    "slope": """\
for (int t = 0; t < @N@_WINDOW; ++t)
        value += @n@_slope[t] * @n@_value(window, t, sensor);""",
}

MODEL_H = """\
// The graph of "{title}" for TensorFlow Lite Micro. Written by saelite; SHA-256 {sha256}.
#ifndef @N@_MODEL_H_
#define @N@_MODEL_H_

#ifdef __cplusplus
extern "C" {{
#endif

extern const unsigned char @n@_model[];
extern const unsigned int @n@_model_size;

#ifdef __cplusplus
}}
#endif

#endif  // @N@_MODEL_H_
"""

MODEL_CC = """\
// Written by saelite. The array is 16-byte aligned, as the interpreter wants it.
#include "@n@_model.h"

alignas(16) const unsigned char @n@_model[] = {{
{bytes}
}};
const unsigned int @n@_model_size = {size};
"""

DETECTOR_H = """\
// Scaling, quantisation, scoring head and threshold of "{title}" in plain C. Written by saelite.
//
// For each reading: while @n@_is_on() says 0 there is no score and no alarm, and the window starts again after it.
// For each window: @n@_as_trained() brings it to the mean and scale of training; @n@_inputs() fills the graph's input;
// the interpreter runs it; @n@_score() turns its outputs into a score (higher is more anomalous); @n@_smooth() averages
// successive scores; @n@_is_anomaly() compares with the threshold; @n@_follow() moves mean and scale.
#ifndef @N@_DETECTOR_H_
#define @N@_DETECTOR_H_

#include <float.h>
#include <math.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

#define @N@_SENSORS {sensors}
#define @N@_WINDOW {window}
#define @N@_STRIDE {stride}
#define @N@_INPUTS {inputs}
#define @N@_VARIABLES {variables}
#define @N@_WHITENED {whitened}
#define @N@_CENTERS {n_centers}
#define @N@_LIMIT {limit}
#define @N@_INPUT_SCALE {input_scale}
#define @N@_INPUT_ZERO_POINT {input_zero_point}
#define @N@_THRESHOLD {threshold}
#define @N@_SMOOTHING {smoothing}
#define @N@_MEAN_RATE {mean_rate}
#define @N@_MEAN_CEILING {ceiling}  // in scales
#define @N@_SCALE_RATE {scale_rate}
#define @N@_VARIANCE_CLIP {clip}
#define @N@_LARGEST_VARIANCE {largest_variance}

// Sensors, in the order of a reading: {sensor_names}
static const float @n@_center[{sensors}] = {{
{center}
}};
static const float @n@_gain[{sensors}] = {{
{gain}
}};
// Mean and scale of each sensor in training, from which @n@_follow() goes.
static const double @n@_mean_start[{sensors}] = {{
{mean_start}
}};
static const double @n@_scale_start[{sensors}] = {{
{scale_start}
}};
static const float @n@_head_mean[{variables}] = {{
{head_mean}
}};
static const float @n@_head_whitening[{whitening_size}] = {{
{head_whitening}
}};
static const float @n@_head_centers[{centers_size}] = {{
{head_centers}
}};
static const float @n@_input_center[{inputs}] = {{
{feature_center}
}};
static const float @n@_input_gain[{inputs}] = {{
{feature_gain}
}};

static const float @n@_slope[{window}] = {{
{slope}
}};

// One scaled reading. The window holds its readings one after the other.
static inline float @n@_value(const float *window, int reading, int sensor) {{
  const float value = (window[reading * @N@_SENSORS + sensor] - @n@_center[sensor]) * @n@_gain[sensor];
  return fminf(fmaxf(value, -@N@_LIMIT), @N@_LIMIT);
}}

static inline float @n@_mean(const float *window, int sensor) {{
  float sum = 0.0f;
  for (int t = 0; t < @N@_WINDOW; ++t) sum += @n@_value(window, t, sensor);
  return sum / @N@_WINDOW;
}}

// One input of the network, before quantisation.
static inline float @n@_scaled(const float *window, int index) {{
  const int row = index / @N@_SENSORS, sensor = index % @N@_SENSORS;
  float value = 0.0f;
{features}
  value = (value - @n@_input_center[index]) * @n@_input_gain[index];
  return fminf(fmaxf(value, -@N@_LIMIT), @N@_LIMIT);
}}

// Whether a reading counts{only_when}. A value that is not finite does not decide.
static inline int @n@_is_on(const float *reading) {{
{is_on}
}}

static inline void @n@_inputs(const float *window, {type} *inputs) {{
  for (int i = 0; i < @N@_INPUTS; ++i) {{
    {fill}
  }}
}}

// NAN for a window with a value that is not finite: leave it out, or repeat the sensor's last value.
static inline float @n@_score(const float *window, {parameters}) {{
  float z[@N@_VARIABLES];
  int n = 0;{unused}
  for (int i = 0; i < @N@_WINDOW * @N@_SENSORS; ++i) {{
    if (!isfinite(window[i])) return NAN;
  }}
{gather}
{whiten}
}}

// Start with level = NAN; then level = @n@_smooth(level, score). A score that overflowed counts as the largest number
// there is: infinity or NAN would stay in the level for ever. Leave windows out that @n@_score() found incomplete.
static inline double @n@_smooth(double level, float score) {{
  const double counted = score <= FLT_MAX ? score : FLT_MAX;
  return isnan(level) ? counted : (1.0 - @N@_SMOOTHING) * level + @N@_SMOOTHING * counted;
}}

static inline int @n@_is_anomaly(double smoothed) {{ return (float)smoothed > @N@_THRESHOLD; }}

// How far mean and scale have moved since training; starts as @n@_unmoved().
typedef struct {{
  double drift[@N@_SENSORS];     // mean minus its start
  double variance[@N@_SENSORS];  // variance over its start
}} @n@_moved;

static inline @n@_moved @n@_unmoved(void) {{
  @n@_moved moved;
  for (int s = 0; s < @N@_SENSORS; ++s) moved.drift[s] = 0.0, moved.variance[s] = 1.0;
  return moved;
}}

// The window as it would have been with the mean and scale of training.
static inline void @n@_as_trained(const @n@_moved *moved, const float *window, float *as_trained) {{
  for (int i = 0; i < @N@_WINDOW * @N@_SENSORS; ++i) {{
    const int s = i % @N@_SENSORS;
    const double apart = window[i] - @n@_mean_start[s] - moved->drift[s];
    as_trained[i] = (float)(@n@_mean_start[s] + apart / sqrt(moved->variance[s]));
  }}
}}

// After each window, with its last reading as it was read: widens the scale if the reading is far out, and moves the
// mean towards it unless the window is an anomaly.
static inline void @n@_follow(@n@_moved *moved, const float *reading, int is_anomaly) {{
  for (int s = 0; s < @N@_SENSORS; ++s) {{
    if (!isfinite(reading[s])) continue;
    const double scale = @n@_scale_start[s], variance = moved->variance[s];
    const double apart = reading[s] - @n@_mean_start[s] - moved->drift[s];
    const double square = fmin(apart / scale * (apart / scale), @N@_VARIANCE_CLIP * variance);
    const double widened = variance + @N@_SCALE_RATE * (square - variance);
    moved->variance[s] = fmin(fmax(widened, 1.0), @N@_LARGEST_VARIANCE);
    const double drifted = moved->drift[s] + (is_anomaly ? 0.0 : @N@_MEAN_RATE * apart);
    moved->drift[s] = fmin(fmax(drifted, -@N@_MEAN_CEILING * scale), @N@_MEAN_CEILING * scale);
  }}
}}

#ifdef __cplusplus
}}
#endif

#endif  // @N@_DETECTOR_H_
"""
