#include "Arduino.h"

SerialPort Serial;

int main() {
  setup();
#ifdef ONCE
  loop();
#else
  for (;;) loop();
#endif
}
