// A board without hardware, for the examples of the layouts: its ADC reads counts.txt, one row for each reading, and
// when that ends so does the program. A channel that is not there, or is read twice as often, is an error.
#ifndef BOARD_H_
#define BOARD_H_

#include <stdio.h>
#include <stdlib.h>

enum { BOARD_CHANNELS = 4, BOARD_ROWS = 2000 };

static int board_read(int channel) {
  static int counts[BOARD_ROWS][BOARD_CHANNELS], next[BOARD_CHANNELS], rows = -1;
  if (rows < 0) {
    FILE *file = fopen("counts.txt", "r");
    if (file == NULL) exit(3);
    int cell = 0;
    while (cell < BOARD_ROWS * BOARD_CHANNELS &&
           fscanf(file, "%d", &counts[cell / BOARD_CHANNELS][cell % BOARD_CHANNELS]) == 1) {
      ++cell;
    }
    rows = cell / BOARD_CHANNELS;
    fclose(file);
  }
  if (channel < 0 || channel >= BOARD_CHANNELS) exit(4);
  if (channel > 0 && next[channel] + 1 != next[0]) exit(5);
  if (next[channel] == rows) exit(0);
  return counts[next[channel]++][channel];
}

#endif  // BOARD_H_
