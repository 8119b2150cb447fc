// What the sketches use of Arduino's core.
#ifndef ARDUINO_H_
#define ARDUINO_H_

#include <stdint.h>

#include "board.h"

enum { A0 = 14, A1, A2, A3, A4, A5 };
enum { LOW, HIGH };
enum { INPUT, OUTPUT };
enum { LED_BUILTIN = 13 };

struct SerialPort {
  void begin(unsigned long) {}
  explicit operator bool() const { return true; }
  void print(const char *text) { fputs(text, stdout); }
  void print(double number) { printf("%.2f", number); }
  void println(const char *text) { puts(text); }
};
extern SerialPort Serial;

static inline int analogRead(uint8_t pin) { return board_read(pin - A0); }
static inline void pinMode(uint8_t pin, uint8_t mode) {
  if (pin != LED_BUILTIN || mode != OUTPUT) exit(6);
}
static inline void digitalWrite(uint8_t pin, uint8_t level) {
  static int before = LOW;
  if (pin != LED_BUILTIN) exit(7);
  if (level != before) printf("pin %s\n", level == HIGH ? "on" : "off");
  before = level;
}
static inline unsigned long millis() {
  static unsigned long now = 4294967000ul;  // soon back at 0
  return now = (now + 1) & 0xFFFFFFFFul;
}
static inline void delay(unsigned long) {}

void setup();
void loop();

#endif  // ARDUINO_H_
