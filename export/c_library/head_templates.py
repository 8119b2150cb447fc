"""C of the scoring heads and of the sensors to blame; see `edge_runtime.inference.heads` for the formulas."""

from __future__ import annotations

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
  float sum = 0.0f;
  for (int i = 0; i < @N@_VARIABLES; ++i) {
    const float whitened = detector->deviations[i] * head_whitening[i];
    sum += whitened * whitened;
  }
  return sum;
}"""
ONE_CENTER = """\
// Squared Mahalanobis distance, T2.
static float distance(@n@_detector *detector) {
  const float *row = head_whitening;
  float sum = 0.0f;
  for (int j = 0; j < WHITENED; ++j) {
    float whitened = 0.0f;
    for (int i = 0; i < @N@_VARIABLES; ++i) whitened += row[i] * detector->deviations[i];
    sum += whitened * whitened;
    row += @N@_VARIABLES;
  }
  return sum;
}"""
ONE_MATRIX = """\
// Squared distance from the nearest centre, in the whitened space.
static float distance(@n@_detector *detector) {
  const float *row = head_whitening;
  for (int j = 0; j < WHITENED; ++j) {
    detector->whitened[j] = 0.0f;
    for (int i = 0; i < @N@_VARIABLES; ++i) detector->whitened[j] += row[i] * detector->deviations[i];
    row += @N@_VARIABLES;
  }
  const float *center_of = head_centers;
  float nearest = INFINITY;
  for (int k = 0; k < CENTERS; ++k) {
    float sum = 0.0f;
    for (int j = 0; j < WHITENED; ++j) {
      const float apart = detector->whitened[j] - center_of[j];
      sum += apart * apart;
    }
    if (sum < nearest) {
      nearest = sum;
      detector->mode = k;
    }
    center_of += WHITENED;
  }
  return nearest;
}"""
MATRIX_PER_CENTER = """\
// Squared Mahalanobis distance, T2, from the nearest of several modes, each with a matrix of its own.
static float distance(@n@_detector *detector) {
  const float *row = head_whitening, *center_of = head_centers;
  float nearest = INFINITY;
  for (int k = 0; k < CENTERS; ++k) {
    float sum = 0.0f;
    for (int j = 0; j < WHITENED; ++j) {
      float apart = 0.0f;
      for (int i = 0; i < @N@_VARIABLES; ++i) apart += row[i] * detector->deviations[i];
      apart -= *center_of++;
      sum += apart * apart;
      row += @N@_VARIABLES;
    }
    if (sum < nearest) {
      nearest = sum;
      detector->mode = k;
    }
  }
  return nearest;
}"""

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
BLAME_MODE = """\
  const float *mean = blame_mean@mean_offset@;
  const float *row = blame_matrix@matrix_offset@;
"""
FULL_RATIO = """\
    float ratio = 0.0f;
    for (int i = 0; i < @N@_INPUTS; ++i) ratio += row[i] * (detector->inputs[i] - mean[i]);
    row += @N@_INPUTS;"""
DIAGONAL_RATIO = "    const float ratio = row[j] * (detector->inputs[j] - mean[j]);"
EXPECTED = """\

void @n@_detector_expected(const @n@_detector *detector, float values[@N@_SENSORS]) {
  const float *mean = blame_mean@mean_offset@;
  const float *row = expected_matrix@level_offset@;
  for (int s = 0; s < @N@_SENSORS; ++s) {
    values[s] = expected_bias[@bias_offset@s];
    for (int i = 0; i < @N@_INPUTS; ++i) values[s] += row[i] * (detector->inputs[i] - mean[i]);
    row += @N@_INPUTS;
  }
}
"""
