#ifndef ESP_ADC_ADC_ONESHOT_H_
#define ESP_ADC_ADC_ONESHOT_H_

#include "esp_err.h"

typedef enum { ADC_UNIT_1, ADC_UNIT_2 } adc_unit_t;
typedef enum { ADC_CHANNEL_0, ADC_CHANNEL_1, ADC_CHANNEL_2, ADC_CHANNEL_3 } adc_channel_t;
typedef enum { ADC_ATTEN_DB_0 = 0, ADC_ATTEN_DB_12 = 3 } adc_atten_t;
typedef enum { ADC_BITWIDTH_DEFAULT = 0, ADC_BITWIDTH_12 = 12 } adc_bitwidth_t;
typedef enum { ADC_ULP_MODE_DISABLE } adc_ulp_mode_t;
typedef enum { ADC_CLK_DEFAULT } adc_oneshot_clk_src_t;
typedef struct adc_unit *adc_oneshot_unit_handle_t;
typedef struct {
  adc_unit_t unit_id;
  adc_oneshot_clk_src_t clk_src;
  adc_ulp_mode_t ulp_mode;
} adc_oneshot_unit_init_cfg_t;
typedef struct {
  adc_atten_t atten;
  adc_bitwidth_t bitwidth;
} adc_oneshot_chan_cfg_t;

static inline esp_err_t adc_oneshot_new_unit(const adc_oneshot_unit_init_cfg_t *unit, adc_oneshot_unit_handle_t *adc) {
  *adc = NULL;
  return unit->unit_id == ADC_UNIT_1 ? ESP_OK : 1;
}
static inline esp_err_t adc_oneshot_config_channel(adc_oneshot_unit_handle_t adc, adc_channel_t channel,
                                                   const adc_oneshot_chan_cfg_t *config) {
  (void)adc;
  return (int)channel < BOARD_CHANNELS && config->bitwidth == ADC_BITWIDTH_12 ? ESP_OK : 1;
}
static inline esp_err_t adc_oneshot_read(adc_oneshot_unit_handle_t adc, adc_channel_t channel, int *steps) {
  (void)adc;
  *steps = board_read((int)channel);
  return ESP_OK;
}

#endif  // ESP_ADC_ADC_ONESHOT_H_
