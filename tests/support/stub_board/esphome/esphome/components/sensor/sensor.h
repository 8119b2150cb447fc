#pragma once

#include <cmath>

#define SUB_SENSOR(name) \
 protected: \
  sensor::Sensor *name##_sensor_{nullptr}; \
\
 public: \
  void set_##name##_sensor(sensor::Sensor *sensor) { this->name##_sensor_ = sensor; }

namespace esphome::sensor {

class Sensor {
 public:
  bool has_state() const { return this->published > 0; }
  void publish_state(float new_state) {
    this->state = new_state;
    ++this->published;
  }
  float state{NAN};
  int published{0};
};

}  // namespace esphome::sensor
