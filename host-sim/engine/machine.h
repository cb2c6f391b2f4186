/*
 * A machine with a board's limits, cloned from the root for one boot.
 * With `static` limits one block holds slots and chunks, which grow towards each other from its two ends, as on
 * ESP32-C3 and ESP8266; without, the two have separate areas of fixed size, as on ESP32. The stack is fixed always.
 * A 64-bit host's slots and pointers are twice a board's, so byte limits double there, and bytes reported halve.
 */
#ifndef DORMOUSE_MACHINE_H
#define DORMOUSE_MACHINE_H

#include "image.h"
#include "xs-compat.h"

typedef struct {
  txMachine *the;
  uint8_t *area;       /* the one block of `static` limits, NULL without */
  uint8_t *low, *high; /* chunks end at low, slots begin at high */
  size_t areaBytes;
  const char *exhausted; /* which kind of memory ran out, NULL when none */
} Machine;

typedef struct {
  double slotBytes, chunkBytes, stackBytes; /* high-water marks, as 32-bit bytes */
  double bytecodes;
} MachineMeters;

/* Clones the root within the image's limits. Returns false when it does not even fit (machine->exhausted says what). */
bool machine_start(Machine *machine, txMachine *root, const Image *image);

/* Reads the meters. Valid between start and stop, also after the machine was aborted. */
void machine_read(const Machine *machine, MachineMeters *meters);

/* Deletes the clone; every native object's destructor runs. */
void machine_stop(Machine *machine);

/* Bytes of a board (32 bits) that `bytes` of this host stand for. */
double machine_board_bytes(double bytes);

#endif
