// Feeds counts.txt to the component, in floats, and prints what it publishes when the alarm changes.
#include <cstdio>

#include "saelite.h"

using namespace esphome;

int main() {
  saelite::SaeliteComponent component;
  sensor::Sensor sources[saelite::SENSORS], score;
  binary_sensor::BinarySensor alarm;
  text_sensor::TextSensor to_blame;
  for (int number = 0; number < saelite::SENSORS; ++number) component.set_source(number, &sources[number]);
  component.set_score_sensor(&score);
  component.set_alarm_binary_sensor(&alarm);
  component.set_to_blame_text_sensor(&to_blame);
  component.setup();
  component.dump_config();
  component.update();  // without a reading there is no score
  std::FILE *file = std::fopen("readings.txt", "r");
  if (file == nullptr || score.published) return 1;
  for (bool was_alarm = false;; was_alarm = alarm.state) {
    for (auto &source : sources) {
      if (std::fscanf(file, "%f", &source.state) != 1) return 0;
    }
    component.update();
    if (alarm.state && !was_alarm) std::printf("alarm: score %.2f, look at %s\n", score.state, to_blame.state.c_str());
    if (!alarm.state && was_alarm) std::printf("alarm over%s\n", to_blame.state.c_str());
  }
}
