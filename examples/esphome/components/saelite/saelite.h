#pragma once

#include "esphome/components/sensor/sensor.h"
#include "esphome/core/component.h"
#include "esphome/core/defines.h"
#ifdef USE_BINARY_SENSOR
#include "esphome/components/binary_sensor/binary_sensor.h"
#endif
#ifdef USE_TEXT_SENSOR
#include "esphome/components/text_sensor/text_sensor.h"
#endif

#include "saelite_library.h"

namespace esphome::saelite {

/// Takes one reading of its sources at each update; publishes score and alarm when a window is complete.
class SaeliteComponent : public PollingComponent {
  SUB_SENSOR(score)
#ifdef USE_BINARY_SENSOR
  SUB_BINARY_SENSOR(alarm)
#endif
#ifdef USE_TEXT_SENSOR
  SUB_TEXT_SENSOR(to_blame)
#endif

 public:
  void setup() override;
  void update() override;
  void dump_config() override;
  float get_setup_priority() const override { return setup_priority::DATA; }

  /// Sets the sensor that gives the model's sensor of this number.
  void set_source(int number, sensor::Sensor *source) { this->sources_[number] = source; }

 protected:
  void publish_();

  sensor::Sensor *sources_[SENSORS]{};
  Detector detector_;
};

}  // namespace esphome::saelite
