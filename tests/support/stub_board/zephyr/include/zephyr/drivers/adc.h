// Channels of zephyr,user's io-channels, which a device tree gives: here 0 to 3.
#ifndef ZEPHYR_DRIVERS_ADC_H_
#define ZEPHYR_DRIVERS_ADC_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board.h"

struct adc_dt_spec {
  uint8_t channel_id;
  uint8_t resolution;
};
struct adc_sequence {
  uint32_t channels;
  void *buffer;
  size_t buffer_size;
  uint8_t resolution;
};

#define DT_PATH(path) path
#define DT_FOREACH_PROP_ELEM(node, property, each) \
  each(node, property, 0) each(node, property, 1) each(node, property, 2) each(node, property, 3)
#define ADC_DT_SPEC_GET_BY_IDX(node, number) {.channel_id = number, .resolution = 12}

static inline bool adc_is_ready_dt(const struct adc_dt_spec *channel) { return channel->channel_id < BOARD_CHANNELS; }
static inline int adc_channel_setup_dt(const struct adc_dt_spec *channel) { return channel->resolution == 12 ? 0 : -22; }
static inline int adc_sequence_init_dt(const struct adc_dt_spec *channel, struct adc_sequence *sequence) {
  sequence->channels = 1u << channel->channel_id;
  sequence->resolution = channel->resolution;
  return 0;
}
static inline int adc_read_dt(const struct adc_dt_spec *channel, const struct adc_sequence *sequence) {
  if (sequence->channels != 1u << channel->channel_id || sequence->buffer_size != sizeof(int16_t)) return -22;
  *(int16_t *)sequence->buffer = (int16_t)board_read(channel->channel_id);
  return 0;
}
// One millivolt a step.
static inline int adc_raw_to_millivolts_dt(const struct adc_dt_spec *channel, int32_t *value) {
  return channel->resolution == 12 && *value >= 0 ? 0 : -22;
}

#endif  // ZEPHYR_DRIVERS_ADC_H_
