/*
 * The board's serial port, UART 0: a pseudo-terminal, at which a link points that the board's owner opens. What is sent to
 * it while nobody has it open is lost, as on a board; so is what comes while the firmware does not listen. The board's log
 * goes out on it too. There is none unless the engine is given a link: then bytes vanish, and none ever come.
 * While the firmware has a port open that exists, the clock does not jump: who is at the other end lives in real time.
 * It outlives boots. No XS types.
 */
#ifndef DORMOUSE_PORT_H
#define DORMOUSE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Makes the port, plugged in. The link is removed when the process exits. Returns 0, or -1 with errno set. */
int port_start(const char *link);

/*
 * Obeys, and returns false for any other line; nothing happens where there is no port.
 *   line unplug        the port vanishes: who has it open reads its end
 *   line plug          it is back, at the same link
 *   line hurry         from now on the clock jumps though the firmware has the port open, where nothing comes
 *   line wait          not any more
 * A {"type":"port","plugged":0|1} line tells of each change, the cut of line.h too.
 */
bool port_command(const char *line);

/* The station's MAC address, locally administered: the same for each link of that name. */
const char *port_mac(void);

/* A boot begins; one ends, with what is left to send going out where the board sees to that. */
void port_boot(void);
void port_end(bool sent);

/* A line of the log. One that there is no room for is dropped: nobody waits for it. */
void port_log(const char *text, size_t size);

/* Who has the UART. The record is its owner's; either function may never return. */
typedef struct {
  void (*readable)(size_t bytes); /* so many can be read, some of them new */
  void (*writable)(size_t bytes); /* all has been sent: there is room for so many */
} PortUser;

/* Opens the UART; what has come until then is lost. Returns false when it is open. */
bool port_open(const PortUser *user);
void port_close(void);

/* Bytes that can be read; reads some, at most that many. */
size_t port_available(void);
void port_read(void *into, size_t size);

/* Room for bytes to write; writes some, at most that many. */
size_t port_room(void);
void port_write(const void *bytes, size_t size);

#endif
