#include "saelite.h"

#include "esphome/core/log.h"

namespace esphome::saelite {

static const char *const TAG = "saelite";

void SaeliteComponent::setup() { init(&this->detector_); }

void SaeliteComponent::update() {
  float reading[SENSORS];
  // A sensor without a state gives NAN, which the detector takes for a missing value.
  for (int number = 0; number < SENSORS; ++number)
    reading[number] = this->sources_[number]->state;
  if (saelite::update(&this->detector_, reading))
    this->publish_();
}

void SaeliteComponent::publish_() {
  if (this->score_sensor_ != nullptr)
    this->score_sensor_->publish_state(this->detector_.smoothed);
#ifdef USE_BINARY_SENSOR
  if (this->alarm_binary_sensor_ != nullptr)
    this->alarm_binary_sensor_->publish_state(this->detector_.alarm != 0);
#endif
#ifdef USE_TEXT_SENSOR
  const char *to_blame = this->detector_.alarm ? sensor_to_blame(&this->detector_) : "";
  text_sensor::TextSensor *text = this->to_blame_text_sensor_;
  if (text != nullptr && (!text->has_state() || text->state != to_blame))
    text->publish_state(to_blame);
#endif
}

void SaeliteComponent::dump_config() {
  ESP_LOGCONFIG(TAG, "Anomaly detector: %d sensors, %u bytes", SENSORS, (unsigned) sizeof(Detector));
  LOG_UPDATE_INTERVAL(this);
  LOG_SENSOR("  ", "Score", this->score_sensor_);
#ifdef USE_BINARY_SENSOR
  LOG_BINARY_SENSOR("  ", "Alarm", this->alarm_binary_sensor_);
#endif
#ifdef USE_TEXT_SENSOR
  LOG_TEXT_SENSOR("  ", "Sensor to blame", this->to_blame_text_sensor_);
#endif
}

}  // namespace esphome::saelite
