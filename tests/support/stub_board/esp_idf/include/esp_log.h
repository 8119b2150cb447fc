#ifndef ESP_LOG_H_
#define ESP_LOG_H_

#include <stdio.h>

#define STUB_LOG(tag, ...) ((void)(tag), printf(__VA_ARGS__), (void)putchar('\n'))
#define ESP_LOGE(tag, ...) STUB_LOG(tag, __VA_ARGS__)
#define ESP_LOGW(tag, ...) STUB_LOG(tag, __VA_ARGS__)
#define ESP_LOGI(tag, ...) STUB_LOG(tag, __VA_ARGS__)

#endif  // ESP_LOG_H_
