/* A TFLite external delegate that takes no op, or refuses to start: what the loader's two functions need, and
 * no more of TensorFlow's headers.
 *
 * The layout is that of tensorflow/lite/core/c/common.h; the runtime reads it, so it must not change.
 * Options: prepare=fail lets the graph's preparation fail; any option "refuse" makes the creation fail with
 * its value as the reason.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct TfLiteDelegate {
  void *data;
  int (*Prepare)(void *context, struct TfLiteDelegate *delegate);
  int (*CopyFromBufferHandle)(void *, struct TfLiteDelegate *, int, void *);
  int (*CopyToBufferHandle)(void *, struct TfLiteDelegate *, int, void *);
  void (*FreeBufferHandle)(void *, struct TfLiteDelegate *, int *);
  int64_t flags;
  void *opaque_delegate_builder;
} TfLiteDelegate;

enum { kOk = 0, kError = 1 };

static int prepare_nothing(void *context, TfLiteDelegate *delegate) {
  (void)context;
  (void)delegate;
  return kOk;
}

static int prepare_fails(void *context, TfLiteDelegate *delegate) {
  (void)context;
  (void)delegate;
  return kError;
}

TfLiteDelegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count,
                                              void (*report_error)(const char *)) {
  TfLiteDelegate *delegate = calloc(1, sizeof *delegate);
  delegate->Prepare = prepare_nothing;
  for (size_t i = 0; i < count; ++i) {
    if (!strcmp(keys[i], "refuse")) {
      report_error(values[i]);
      free(delegate);
      return NULL;
    }
    if (!strcmp(keys[i], "prepare") && !strcmp(values[i], "fail")) delegate->Prepare = prepare_fails;
    if (!strcmp(keys[i], "log")) {
      FILE *log = fopen(values[i], "a");
      if (log) {
        fputs("created\n", log);
        fclose(log);
      }
    }
  }
  return delegate;
}

void tflite_plugin_destroy_delegate(TfLiteDelegate *delegate) { free(delegate); }
