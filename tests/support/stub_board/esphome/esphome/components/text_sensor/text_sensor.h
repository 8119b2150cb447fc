#pragma once

#include <string>

#define SUB_TEXT_SENSOR(name) \
 protected: \
  text_sensor::TextSensor *name##_text_sensor_{nullptr}; \
\
 public: \
  void set_##name##_text_sensor(text_sensor::TextSensor *text_sensor) { this->name##_text_sensor_ = text_sensor; }

namespace esphome::text_sensor {

class TextSensor {
 public:
  bool has_state() const { return this->published > 0; }
  void publish_state(const char * new_state) {
    this->state = new_state;
    ++this->published;
  }
  std::string state{};
  int published{0};
};

}  // namespace esphome::text_sensor
