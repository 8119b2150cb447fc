// A network alone: ours, or one of the same size that emlearn wrote or that TensorFlow Lite Micro's kernels run. Without
// WITH_NETWORK, none.
#include "board_net.h"
#include "semihosting.h"
#include "systick.h"

#if defined(EMLEARN) && defined(WITH_NETWORK)
#include <string.h>

#include "emlearn_network.h"

static float inputs[BOARD_NET_INPUTS], outputs[BOARD_NET_INPUTS];
static void run(void) { emlearn_network_regress(inputs, BOARD_NET_INPUTS, outputs, BOARD_NET_INPUTS); }
#elif defined(TFLM) && defined(WITH_NETWORK)
void tflm_run(void);
static void run(void) { tflm_run(); }
#elif defined(WITH_NETWORK)
static int8_t inputs[BOARD_NET_INPUTS];
static board_net_outputs outputs;
static void run(void) { board_net_run(inputs, &outputs); }
#else
static void run(void) {}
#endif

int main(void) {
#ifdef COUNTED
  const int target = semihosting_open("results.bin", 11, MODE_WRITE);
  const uint32_t start = start_ticks();
  for (int t = 0; t < COUNTED; ++t) run();
  const uint32_t ticks = ticks_since(start);
  semihosting_write(target, &ticks, sizeof ticks);
  return 0;
#else
  for (;;) run();
#endif
}
