/*
 * The serial line between the board and whoever has its port open: what becomes of the bytes on it, in either direction.
 * By itself it is perfect. Pseudo-random by a seed; no XS types.
 */
#ifndef DORMOUSE_LINE_H
#define DORMOUSE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Obeys, and returns false for any other line. What is ordered holds until `line clear`; port.h has more of them.
 *   line clear
 *   line seed SEED
 *   line noise PERMILLE     so many bytes become another one, or have one before them that nobody sent
 *   line loss PERMILLE      so many are lost
 *   line repeat PERMILLE    so many come twice
 *   line single             each byte comes by itself
 *   line cut in|out|any N   after N more bytes to the board, from it, or both ways together, the port is unplugged:
 *                           once, and what comes after them is lost
 */
bool line_command(const char *line);

typedef enum { lineIn, lineOut } LineWay;

/* One byte passes: gives how many come out (0 to 2), written to `out`. */
size_t line_pass(LineWay way, uint8_t byte, uint8_t out[2]);

/* Does each byte come by itself? */
bool line_is_single(void);

/* Has the cut come about? The order is forgotten by asking. */
bool line_is_cut(void);

#endif
