"""C of the detector around the network. @n@ is the detector's name, @N@ the name in capitals."""

from __future__ import annotations

DETECTOR_H = """\
// The anomaly detector "@title@": readings in, score and alarm out. Written by saelite @version@; do not edit.
//
//   static @n@_detector detector;           // all of its memory, @ram@ bytes
//   @n@_detector_init(&detector);
//   for each reading:
//     if (@n@_detector_update(&detector, reading) && detector.alarm) ...
//
// Nothing is allocated, and no variable outside the struct changes. @libm@
#ifndef @N@_DETECTOR_H_
#define @N@_DETECTOR_H_

#include <stdint.h>

#include "@n@_net.h"

#ifdef __cplusplus
extern "C" {
#endif

// Sensors, in the order of a reading, with their units.
enum {
@sensor_enum@
  @N@_SENSORS = @sensors@
};

#define @N@_WINDOW @window@  // readings in a window
#define @N@_STRIDE @stride@  // readings from one window to the next
#define @N@_INPUTS @inputs@  // of the network
#define @N@_VARIABLES @variables@  // of the score: @parts@
#define @N@_THRESHOLD @threshold@  // of the smoothed score: @promise@

// When an alarm starts and ends; define them for the compiler to change them.
#ifndef @N@_EXIT_RATIO
#define @N@_EXIT_RATIO 0.8  // an alarm ends at or below this share of the threshold
#endif
#ifndef @N@_DEBOUNCE_NEEDED
#define @N@_DEBOUNCE_NEEDED 1  // an alarm starts when so many ...
#endif
#ifndef @N@_DEBOUNCE_OUT_OF
#define @N@_DEBOUNCE_OUT_OF 1  // ... of the last so many scores, at most 32, are above the threshold
#endif
#if @N@_DEBOUNCE_NEEDED < 1 || @N@_DEBOUNCE_NEEDED > @N@_DEBOUNCE_OUT_OF || @N@_DEBOUNCE_OUT_OF > 32
#error "expected 1 <= @N@_DEBOUNCE_NEEDED <= @N@_DEBOUNCE_OUT_OF <= 32"
#endif
#ifndef @N@_MIN_DURATION
#define @N@_MIN_DURATION 0u  // scores that an alarm lasts at least
#endif
#ifndef @N@_COOL_DOWN
#define @N@_COOL_DOWN 0u  // scores after an alarm before another can start
#endif
// Readings in a row in which a missing value (NAN) may be replaced by the sensor's last one.
#ifndef @N@_LONGEST_REPAIR
#define @N@_LONGEST_REPAIR @longest_repair@
#endif

typedef struct {
  // The results of the newest window.
  float score;     // higher is more anomalous
  float smoothed;  // the moving average of the scores
  int is_anomaly;  // smoothed > @N@_THRESHOLD
  int alarm;       // with hysteresis, debounce, minimum duration and cool-down
  uint32_t missing;  // readings left out so far, because a value was missing

  // What the detector remembers.
  float readings[@N@_WINDOW][@N@_SENSORS];  // a ring, in the sensors' units
  float last[@N@_SENSORS];                 // newest value of each sensor; NAN before the first
  int age[@N@_SENSORS];                    // readings since then
  int next;                                // row of the ring for the next reading
  int until_due;                           // readings until a window is complete
  double level;                            // the moving average; NAN before the first score
  uint32_t above;                          // last scores above the threshold, the newest in bit 0
  uint32_t alarm_age;                      // scores since the alarm started
  uint32_t quiet_for;                      // scores until another alarm may start
@tracking_members@@time_member@
  // Steps between the newest window and its score.
  float series[@N@_WINDOW];        // scaled readings of one sensor, oldest first
@power_member@  float inputs[@N@_INPUTS];        // the network's inputs, scaled; sensors vary fastest
@net_members@@head_members@  int mode;                        // nearest centre
} @n@_detector;

// Forgets everything.
void @n@_detector_init(@n@_detector *detector);

// Takes one reading, in the sensors' units; NAN stands for a missing value. Returns 1 if it completes a window: then
// score, smoothed, is_anomaly and alarm are new.@off_text@
int @n@_detector_update(@n@_detector *detector, const float reading[@N@_SENSORS]);

// Starts a new window with the next reading, as after a gap in time.
void @n@_detector_pause(@n@_detector *detector);

// Computes inputs, outputs and score of the readings in the ring; update() does so when a window is complete.
void @n@_detector_score(@n@_detector *detector);

@time_declaration@@net_inputs_declaration@@blame_declarations@// Name of a sensor, in UTF-8.
const char *@n@_sensor_name(int sensor);

#ifdef __cplusplus
}
#endif

#endif  // @N@_DETECTOR_H_
"""

BLAME_DECLARATIONS = """\
// Each sensor's share of the newest score: never negative, summing to the score. The largest is the sensor to blame.
void @n@_detector_blame(const @n@_detector *detector, float shares[@N@_SENSORS]);

// The sensor to blame, by number; see @n@_sensor_name().
int @n@_detector_blamed(const @n@_detector *detector);

"""
EXPECTED_DECLARATION = """\
// Each sensor's mean over the newest window as all the others lead to expect it, in the sensor's unit.
void @n@_detector_expected(const @n@_detector *detector, float values[@N@_SENSORS]);

"""
NET_INPUTS_DECLARATION = """\
// Rounds the inputs as the network takes them.
void @n@_detector_net_inputs(const @n@_detector *detector, @type@ inputs[@N@_INPUTS]);

"""
OFF_TEXT = """ While the machine is off (the condition is
// @only_when@) it returns 0, there is no alarm, and the next window starts afterwards."""

TRACKING_MEMBERS = """\
  float alarm_height;                      // highest score of the anomaly, in thresholds; at first infinite
  double drift[@N@_SENSORS];               // how far the mean has moved since training
  double variance[@N@_SENSORS];            // variance over that of training
"""

DETECTOR_C = """\
// The anomaly detector "@title@". Written by saelite @version@; do not edit.
#include "@n@_detector.h"

#include <float.h>
#include <math.h>
@head_includes@
// A product is rounded before it is added, as on a computer: no fused multiply-add.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("fp-contract=off")
#else
#pragma STDC FP_CONTRACT OFF
#endif

#define SMOOTHING @smoothing@  // weight of a new score in the moving average
#define REMEMBERED @remembered@  // the most that the moving average remembers
#define LIMIT @limit@          // scaled values stay within +- LIMIT
@defines@
@constants@

static float limited(float value) { return value > LIMIT ? LIMIT : value < -LIMIT ? -LIMIT : value; }

@functions@

void @n@_detector_score(@n@_detector *detector) {
@score_calls@
}

@judge@

void @n@_detector_init(@n@_detector *detector) {
  detector->score = detector->smoothed = 0.0f;
  detector->is_anomaly = detector->alarm = 0;
  detector->missing = 0;
  for (int s = 0; s < @N@_SENSORS; ++s) {
    detector->last[s] = NAN;
    detector->age[s] = 0;@init_tracking@@init_time@
  }
  detector->level = (double)NAN;
  detector->above = detector->alarm_age = detector->quiet_for = 0;
  detector->mode = 0;@init_height@
  @n@_detector_pause(detector);
}

void @n@_detector_pause(@n@_detector *detector) {
  detector->next = 0;
  detector->until_due = @N@_WINDOW;
}

@update@
@blame@
const char *@n@_sensor_name(int sensor) {
  static const char *const names[@N@_SENSORS] = {
@names@
  };
  return names[sensor];
}
"""

JUDGE = """\
static void end_alarm(@n@_detector *detector) {
  detector->alarm = 0;
  detector->above = 0;
  detector->quiet_for = @N@_COOL_DOWN;
}

static int count_bits(uint32_t bits) {
  int count = 0;
  for (; bits != 0; bits &= bits - 1) ++count;
  return count;
}

// Smooths the score and decides about the alarm.
static void judge(@n@_detector *detector) {
  // A score that overflowed counts as the largest number there is: infinity or NAN would stay in the average for ever.
  const double score = detector->score <= FLT_MAX ? (double)detector->score : (double)FLT_MAX;
  const double level = detector->level > REMEMBERED ? REMEMBERED : detector->level;
  detector->level = isnan(level) ? score : (1.0 - SMOOTHING) * level + SMOOTHING * score;
  detector->smoothed = (float)detector->level;
  detector->is_anomaly = detector->smoothed > @N@_THRESHOLD;
  const uint32_t last = UINT32_MAX >> (32 - @N@_DEBOUNCE_OUT_OF);
  detector->above = ((detector->above << 1) | (detector->is_anomaly ? 1u : 0u)) & last;
  if (detector->alarm) {
    ++detector->alarm_age;
    const double exit = @N@_EXIT_RATIO * (double)@N@_THRESHOLD;
    if (detector->alarm_age + 1 > @N@_MIN_DURATION && (double)detector->smoothed <= exit) end_alarm(detector);
    return;
  }
  if (detector->quiet_for > 0) --detector->quiet_for;
  if (detector->quiet_for == 0 && count_bits(detector->above) >= @N@_DEBOUNCE_NEEDED) {
    detector->alarm = 1;
    detector->alarm_age = 0;
  }
}"""

UPDATE = """\
// Puts a reading into the ring, with a missing value replaced by the sensor's last one. Returns 0 if it is left out.
static int keep(@n@_detector *detector, const float reading[@N@_SENSORS]) {
  int is_usable = 1;
  for (int s = 0; s < @N@_SENSORS; ++s) {
    if (isfinite(reading[s])) {
      detector->last[s] = reading[s];
      detector->age[s] = 0;
    } else {
      if (detector->age[s] <= @N@_LONGEST_REPAIR) ++detector->age[s];
      if (isnan(detector->last[s]) || detector->age[s] > @N@_LONGEST_REPAIR) is_usable = 0;
    }
  }
  if (!is_usable) {
    ++detector->missing;
    return 0;
  }
  for (int s = 0; s < @N@_SENSORS; ++s) detector->readings[detector->next][s] = @taken@;
  detector->next = (detector->next + 1) % @N@_WINDOW;
  return 1;
}

int @n@_detector_update(@n@_detector *detector, const float reading[@N@_SENSORS]) {
@off@  if (!keep(detector, reading) || --detector->until_due > 0) return 0;
  detector->until_due = @N@_STRIDE;
  @n@_detector_score(detector);
  judge(detector);
@follow_call@  return 1;
}
"""

IS_ON = """\
// @only_when@. A value that is missing does not decide.
static int is_on(const float reading[@N@_SENSORS]) {
@conditions@
  return 1;
}

"""
OFF = """\
  if (!is_on(reading)) {
    @n@_detector_pause(detector);
    detector->above = 0;
    if (detector->alarm) end_alarm(detector);
    return 0;
  }
"""

MODE_OF = """\
// Returns the mean readings of the mode that the newest reading is in: the nearest one.
static const float *mode_of(const @n@_detector *detector) {
  int nearest = 0;
  double least = HUGE_VAL;
  for (int m = 0; m < MODES; ++m) {
    double distance = 0.0;
    for (int s = 0; s < @N@_SENSORS; ++s) {
      const double apart = (double)@taken_once@ - (double)mode_means[m][s] - detector->drift[s];
      distance += apart / trained_scale[s] * (apart / trained_scale[s]);
    }
    if (distance < least) {
      least = distance;
      nearest = m;
    }
  }
  return mode_means[nearest];
}

"""
FOLLOW = """\
static double within(double value, double low, double high) {
  return value < low ? low : value > high ? high : value;
}

// Whether the mean moves: it stands still during an anomaly until that is mostly over. One that was there from the
// first window on does not stop it.
static int is_quiet(@n@_detector *detector) {
  const float ratio = detector->smoothed / @N@_THRESHOLD;
  const float level = ratio < GREATEST_HEIGHT ? ratio : GREATEST_HEIGHT;
  if (!detector->is_anomaly) {
    detector->alarm_height = 0.0f;
  } else if (level > detector->alarm_height) {
    detector->alarm_height = level;
  }
  return !detector->is_anomaly || level <= MOSTLY_OVER * detector->alarm_height;
}

// Widens the scale if the newest reading is far out, and moves the mean towards it.
static void follow(@n@_detector *detector) {
  const int moves = is_quiet(detector);
@find_mode@  for (int s = 0; s < @N@_SENSORS; ++s) {
    const double scale = trained_scale[s], variance = detector->variance[s];
    const double apart = (double)@taken_once@ - @mean@ - detector->drift[s];
    const double square = within(apart / scale * (apart / scale), 0.0, VARIANCE_CLIP * variance);
    detector->variance[s] = within(variance + SCALE_RATE * (square - variance), 1.0, LARGEST_VARIANCE);
    if (!moves) continue;
    const double drift = detector->drift[s] + MEAN_RATE * apart;
    detector->drift[s] = within(drift, -MEAN_CEILING * scale, MEAN_CEILING * scale);
  }
}

"""
