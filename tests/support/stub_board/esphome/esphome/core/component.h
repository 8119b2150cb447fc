// What the example's component uses of ESPHome.
#pragma once

namespace esphome {

namespace setup_priority {
static const float DATA = 600.0f;
}

class PollingComponent {
 public:
  virtual ~PollingComponent() = default;
  virtual void setup() = 0;
  virtual void update() = 0;
  virtual void dump_config() = 0;
  virtual float get_setup_priority() const = 0;
};

}  // namespace esphome
