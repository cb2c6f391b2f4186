/* See port.h. Whether somebody has the port open shows in the terminal's hanging up, which lasts: it is looked for again. */
#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "line.h"
#include "loop.h"
#include "report.h"

enum {
  fifoBytes = 128, /* of an ESP32's UART, each way */
  emptyBytes = 10, /* so few are left when onWritable is called there */
  outBytes = 4096, /* the log may go beyond the FIFO */
  lookMs = 10,     /* how often it is looked whether somebody has opened it */
  readMs = 1000,   /* how long who reads has for the last bytes before a cut */
};

static struct {
  const char *link; /* NULL: there is no port */
  int master;       /* -1: unplugged */
  char slave[64];
  bool hurry;
  bool heard; /* somebody had it open when it was last looked */
  const PortUser *user; /* NULL: the UART is closed */
  bool wrote;           /* and onWritable is owed */
  uint8_t in[fifoBytes], out[outBytes];
  size_t inSize, outSize;
  LoopWatch watch;
  LoopTimer due, look;
} port = {.master = -1};

static void pause_real(long microseconds) {
  struct timespec time = {0, microseconds * 1000};
  nanosleep(&time, NULL);
}

static void raw(int terminal) {
  struct termios settings;
  if (tcgetattr(terminal, &settings) != 0) return;
  settings.c_iflag = 0;
  settings.c_oflag = 0;
  settings.c_lflag = 0;
  settings.c_cflag = CS8 | CREAD | CLOCAL;
  settings.c_cc[VMIN] = 1;
  settings.c_cc[VTIME] = 0;
  cfsetspeed(&settings, B115200);
  tcsetattr(terminal, TCSANOW, &settings);
}

static int open_slave(void) { return open(port.slave, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC); }

/* The link appears at once with what it points at. */
static int make_link(void) {
  char beside[4096];
  if (snprintf(beside, sizeof(beside), "%s.new", port.link) >= (int)sizeof(beside)) return -1;
  unlink(beside);
  if (symlink(port.slave, beside) != 0) return -1;
  if (rename(beside, port.link) == 0) return 0;
  unlink(beside);
  return -1;
}

static int plug(void) {
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0) return -1;
  fcntl(master, F_SETFD, FD_CLOEXEC);
  fcntl(master, F_SETFL, O_NONBLOCK);
  const char *name = grantpt(master) == 0 && unlockpt(master) == 0 ? ptsname(master) : NULL;
  snprintf(port.slave, sizeof(port.slave), "%s", name ? name : "");
  int slave = name ? open_slave() : -1;
  if (slave < 0 || make_link() != 0) {
    int problem = errno;
    if (slave >= 0) close(slave);
    close(master);
    errno = problem;
    return -1;
  }
  raw(slave);
  port.master = master;
  close(slave); /* so that it has hung up until somebody opens it */
  return 0;
}

static void unlink_port(void) {
  if (port.link && port.master >= 0) unlink(port.link);
}

static void settle(void);

static void tell(void) {
  report_begin("port");
  report_number("at", clock_world());
  report_number("plugged", port.master >= 0);
  report_end();
}

static void unplug(void) {
  if (port.master < 0) return;
  unlink(port.link);
  close(port.master);
  port.master = port.watch.fd = -1;
  port.outSize = 0;
  settle();
  tell();
}

int port_start(const char *link) {
  port.link = link;
  if (plug() != 0) return -1;
  atexit(unlink_port);
  return 0;
}

/* Has somebody opened it, or left something to read? */
static short state_of_master(void) {
  struct pollfd at = {port.master, POLLIN, 0};
  return port.master >= 0 && poll(&at, 1, 0) >= 0 ? at.revents : POLLHUP;
}

static bool is_heard(void) { return !(state_of_master() & POLLHUP); }

/* Nobody finds what was meant for somebody who has gone. */
static void forget_unread(void) {
  int slave = port.master < 0 ? -1 : open_slave();
  if (slave < 0) return;
  tcflush(slave, TCIFLUSH);
  close(slave);
}

/* Before the port vanishes, and all that is in it: what has passed the line is read. */
static void let_read(void) {
  int slave = is_heard() ? open_slave() : -1;
  int unread = 1;
  pause_real(20000); /* the kernel hands it over in its own time */
  for (int i = 0; slave >= 0 && i < readMs && ioctl(slave, FIONREAD, &unread) == 0 && unread; i++) pause_real(1000);
  if (slave >= 0) close(slave);
}

/* Sends what it may. */
static void drain(void) {
  if (!is_heard()) port.outSize = 0;
  size_t sent = 0;
  while (sent < port.outSize) {
    ssize_t count = write(port.master, port.out + sent, line_is_single() ? 1 : port.outSize - sent);
    if (count <= 0) break;
    sent += (size_t)count;
    if (line_is_single()) pause_real(100); /* or they would be read together */
  }
  port.outSize -= sent;
  memmove(port.out, port.out + sent, port.outSize);
}

static void cut_if_ordered(void) {
  if (!line_is_cut()) return;
  drain();
  let_read();
  unplug();
}

/* What the loop is to wait for, whatever has happened. */
static void settle(void) {
  short state = state_of_master();
  bool heard = !(state & POLLHUP);
  bool takes = port.inSize < fifoBytes / 2;
  if (port.heard && !heard) forget_unread();
  port.heard = heard;
  port.watch.fd = heard || (takes && state & POLLIN) ? port.master : -1;
  port.watch.events = (short)((takes ? POLLIN : 0) | (port.outSize ? POLLOUT : 0));
  if (!port.user || port.hurry || !port.link || heard) loop_timer_remove(&port.look);
  else loop_timer_set(&port.look, clock_world() + lookMs);
  loop_live(port.user && port.link && !port.hurry);
}

static void enter(const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    uint8_t passed[2];
    size_t count = line_pass(lineOut, bytes[i], passed);
    if (port.outSize + count > outBytes) return;
    memcpy(port.out + port.outSize, passed, count);
    port.outSize += count;
  }
}

static void receive(void) {
  uint8_t bytes[fifoBytes / 2], passed[2]; /* each may come twice */
  size_t room = (fifoBytes - port.inSize) / 2;
  ssize_t size = room ? read(port.master, bytes, line_is_single() ? 1 : room) : 0;
  for (ssize_t i = 0; i < size; i++) {
    size_t count = line_pass(lineIn, bytes[i], passed);
    memcpy(port.in + port.inSize, passed, count);
    port.inSize += count;
  }
}

/* Tells who has the UART. Neither call may come back. */
static void tell_user(size_t before) {
  bool readable = port.inSize > before;
  bool writable = port.wrote && port.outSize < emptyBytes;
  if (writable) port.wrote = false;
  settle();
  if (readable) port.user->readable(port.inSize);
  if (writable && port.user) port.user->writable(port_room());
}

static void ready(LoopWatch *watch, short events) {
  size_t before = port.inSize;
  (void)watch;
  if (events & POLLIN) receive();
  if (events & POLLOUT) drain();
  cut_if_ordered();
  tell_user(before);
}

static void send_due(LoopTimer *timer) {
  (void)timer;
  drain();
  cut_if_ordered();
  tell_user(port.inSize);
}

static void look_again(LoopTimer *timer) {
  (void)timer;
  settle();
}

const char *port_mac(void) {
  static char text[18];
  const char *slash = port.link ? strrchr(port.link, '/') : NULL;
  uint32_t hash = 2166136261U; /* FNV-1a */
  for (const char *at = slash ? slash + 1 : ""; *at; at++) hash = (hash ^ (uint8_t)*at) * 16777619U;
  /* Locally administered: nobody's (IEEE 802, 8.2). */
  snprintf(text, sizeof(text), "02:00:5e:%02x:%02x:%02x", hash >> 16 & 255, hash >> 8 & 255, hash & 255);
  return text;
}

bool port_command(const char *line) {
  bool waits = strcmp(line, "line wait") == 0;
  if (waits || strcmp(line, "line hurry") == 0) port.hurry = !waits;
  else if (strcmp(line, "line unplug") == 0) unplug();
  else if (strcmp(line, "line plug") == 0) {
    if (port.link && port.master < 0 && plug() == 0) tell();
  } else if (!line_command(line))
    return false;
  if (port.link) cut_if_ordered();
  if (port.user) settle();
  return true;
}

static void discard_input(void) {
  uint8_t bytes[256];
  while (port.master >= 0 && read(port.master, bytes, sizeof(bytes)) > 0) {}
  port.inSize = 0;
}

void port_boot(void) {
  port.user = NULL;
  port.wrote = false;
  port.outSize = 0;
  port.watch = (LoopWatch){.fd = -1, .ready = ready, .held = true};
  port.due.fire = send_due;
  port.look.fire = look_again;
}

void port_end(bool sent) {
  if (sent) drain();
  port.outSize = 0;
}

void port_log(const char *text, size_t size) {
  if (!port.link) return;
  if (port.outSize > fifoBytes) drain();
  if (port.outSize + 2 * size + 2 > outBytes) return;
  enter((const uint8_t *)text, size);
  enter((const uint8_t *)"\n", 1);
  /* In the order in which the UART would have them. */
  drain();
  cut_if_ordered();
  if (port.user) settle();
}

bool port_open(const PortUser *user) {
  if (port.user) return false;
  port.user = user;
  discard_input();
  loop_watch_add(&port.watch);
  port.wrote = true;
  loop_timer_set(&port.due, clock_world());
  settle();
  return true;
}

void port_close(void) {
  port.user = NULL;
  drain();
  loop_watch_remove(&port.watch);
  loop_timer_remove(&port.due);
  settle();
}

size_t port_available(void) { return port.inSize; }

void port_read(void *into, size_t size) {
  memcpy(into, port.in, size);
  port.inSize -= size;
  memmove(port.in, port.in + size, port.inSize);
  settle();
}

size_t port_room(void) { return port.outSize < fifoBytes ? fifoBytes - port.outSize : 0; }

void port_write(const void *bytes, size_t size) {
  enter(bytes, size);
  port.wrote = true;
  loop_timer_set(&port.due, clock_world());
}
