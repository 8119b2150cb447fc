#pragma once

#define SUB_BINARY_SENSOR(name) \
 protected: \
  binary_sensor::BinarySensor *name##_binary_sensor_{nullptr}; \
\
 public: \
  void set_##name##_binary_sensor(binary_sensor::BinarySensor *binary_sensor) { this->name##_binary_sensor_ = binary_sensor; }

namespace esphome::binary_sensor {

class BinarySensor {
 public:
  bool has_state() const { return this->published > 0; }
  void publish_state(bool new_state) {
    this->state = new_state;
    ++this->published;
  }
  bool state{};
  int published{0};
};

}  // namespace esphome::binary_sensor
