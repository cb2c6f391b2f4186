/* Packets around the bytes of sockets (RFC 791, RFC 9293), in a pcap file; see capture.h. */
#define _FILE_OFFSET_BITS 64 /* a 32-bit engine too may write more than 2 GB */

#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "report.h"

enum { linkTypeRaw = 101, snapLength = 65535, protocolTcp = 6, hopLimit = 64 };
enum { flagFin = 1, flagSyn = 2, flagRst = 4, flagPsh = 8, flagAck = 16 };
enum { recordBytes = 16, ipBytes = 20, tcpBytes = 20, optionBytes = 8 };
/* A quarter of an ESP32's buffer. With the scale the windows are too wide to be ever reported full. */
enum { maxSegmentBytes = 1436, windowScale = 7, window = 65535 };

typedef enum { synSent, established, closed } State;
typedef enum { device, broker } Side;

struct CaptureConnection {
  int fd;
  State state;
  struct {
    struct sockaddr_in address;
    uint32_t next; /* sequence number */
  } sides[2];
  uint32_t acknowledged; /* of the device's sequence numbers */
};

static struct {
  int fd;
  off_t size; /* of whole packets */
  double lastMs;
  uint32_t connections, packets;
} file = {.fd = -1};

/* Returns 0 or an errno. */
static int write_all(const uint8_t *bytes, size_t size) {
  while (size) {
    ssize_t count = write(file.fd, bytes, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? errno : EIO;
    bytes += count;
    size -= (size_t)count;
  }
  return 0;
}

static void give_up(int error) {
  char text[200];
  /* Without the half packet every reader takes the file. If that fails too, they name it and show the rest. */
  bool whole = ftruncate(file.fd, file.size) == 0;
  close(file.fd);
  file.fd = -1;
  snprintf(text, sizeof(text), "the capture ends here, after %u packets%s: %s", (unsigned)file.packets,
           whole ? "" : " and a part", strerror(error));
  report_begin("problem");
  report_number("at", clock_world());
  report_text("text", text);
  report_end();
}

static void append(const uint8_t *bytes, size_t size) {
  int error = write_all(bytes, size);
  if (error) {
    give_up(error);
    return;
  }
  file.size += (off_t)size;
  file.packets++;
}

int capture_start(const char *path) {
  const struct {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, accuracy, snapLength, linkType;
  } head = {0xA1B2C3D4, 2, 4, 0, 0, snapLength, linkTypeRaw};
  struct stat about;
  file.fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file.fd < 0 || fstat(file.fd, &about) != 0) return -1;
  if (S_ISREG(about.st_mode) && fchmod(file.fd, 0600) != 0) return -1;
  errno = write_all((const uint8_t *)&head, sizeof(head));
  if (errno) return -1;
  file.size = sizeof(head);
  return 0;
}

static void put16(uint8_t *at, size_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value);
}

/* The Internet checksum's sum (RFC 1071). */
static uint32_t sum16(uint32_t sum, const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) sum += i & 1 ? bytes[i] : (uint32_t)bytes[i] << 8;
  return sum;
}

static uint16_t checksum(uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
  return (uint16_t)~sum;
}

static void put_ip(uint8_t *at, const CaptureConnection *connection, Side from, size_t size) {
  memset(at, 0, ipBytes);
  at[0] = 0x45;
  put16(at + 2, ipBytes + size);
  put16(at + 6, 0x4000); /* do not fragment: the identification may then be 0 (RFC 6864) */
  at[8] = hopLimit;
  at[9] = protocolTcp;
  memcpy(at + 12, &connection->sides[from].address.sin_addr, 4);
  memcpy(at + 16, &connection->sides[!from].address.sin_addr, 4);
  put16(at + 10, checksum(sum16(0, at, ipBytes)));
}

/* Writes the segment behind the IP header that its checksum includes a part of. Returns its size. */
static size_t put_tcp(uint8_t *at, const CaptureConnection *connection, Side from, int flags, const uint8_t *data,
                      size_t size) {
  static const uint8_t options[optionBytes] = {
      2, 4, maxSegmentBytes >> 8, maxSegmentBytes & 255, 1, 3, 3, windowScale};
  size_t head = tcpBytes + (flags & flagSyn ? sizeof(options) : 0);
  memset(at, 0, head);
  memcpy(at, &connection->sides[from].address.sin_port, 2);
  memcpy(at + 2, &connection->sides[!from].address.sin_port, 2);
  put32(at + 4, connection->sides[from].next);
  if (flags & flagAck) put32(at + 8, from == device ? connection->sides[broker].next : connection->acknowledged);
  at[12] = (uint8_t)(head / 4 << 4);
  at[13] = (uint8_t)flags;
  put16(at + 14, flags & flagRst ? 0 : window);
  if (flags & flagSyn) memcpy(at + tcpBytes, options, sizeof(options));
  if (size) memcpy(at + head, data, size);
  uint32_t sum = protocolTcp + (uint32_t)(head + size);
  for (int side = 0; side < 2; side++)
    sum = sum16(sum, (const uint8_t *)&connection->sides[side].address.sin_addr, 4);
  put16(at + 16, checksum(sum16(sum, at, head + size)));
  return head + size;
}

static void put_packet(CaptureConnection *connection, Side from, int flags, const uint8_t *data, size_t size) {
  uint8_t bytes[recordBytes + ipBytes + tcpBytes + optionBytes + maxSegmentBytes];
  size_t segment = put_tcp(bytes + recordBytes + ipBytes, connection, from, flags, data, size);
  put_ip(bytes + recordBytes, connection, from, segment);
  connection->sides[from].next += (uint32_t)size + (flags & (flagSyn | flagFin) ? 1 : 0);
  if (file.fd < 0) return;
  double now = clock_world();
  if (now < file.lastMs) now = file.lastMs; /* a boot begins at whole milliseconds */
  file.lastMs = now;
  uint64_t us = (uint64_t)(now * 1000);
  uint32_t length = (uint32_t)(ipBytes + segment);
  const uint32_t record[] = {(uint32_t)(us / 1000000), (uint32_t)(us % 1000000), length, length};
  memcpy(bytes, record, recordBytes);
  append(bytes, recordBytes + length);
}

static void put_data(CaptureConnection *connection, Side from, const uint8_t *bytes, size_t size) {
  while (size) {
    size_t count = size < maxSegmentBytes ? size : maxSegmentBytes;
    put_packet(connection, from, flagAck | (count == size ? flagPsh : 0), bytes, count);
    bytes += count;
    size -= count;
  }
}

/* Learns what the broker has acknowledged. Returns whether it is more than before. */
static bool acknowledge(CaptureConnection *connection) {
  int waiting = 0;
#ifdef __linux__
  if (ioctl(connection->fd, TIOCOUTQ, &waiting) != 0) waiting = 0;
#endif
  uint32_t acknowledged = connection->sides[device].next - (uint32_t)waiting;
  if ((int32_t)(acknowledged - connection->acknowledged) <= 0) return false;
  connection->acknowledged = acknowledged;
  return true;
}

CaptureConnection *capture_connect(int fd, const struct sockaddr *to) {
  struct sockaddr_in own;
  socklen_t size = sizeof(own);
  if (file.fd < 0 || to->sa_family != AF_INET || getsockname(fd, (struct sockaddr *)&own, &size) != 0) return NULL;
  CaptureConnection *connection = calloc(1, sizeof(*connection));
  if (!connection) return NULL;
  connection->fd = fd;
  connection->sides[device].address = own;
  memcpy(&connection->sides[broker].address, to, sizeof(own));
  /* Numbers of its own for each connection: a port that comes again is then no retransmission. */
  connection->sides[device].next = ++file.connections << 20;
  connection->sides[broker].next = file.connections << 20 | 1U << 19;
  put_packet(connection, device, flagSyn, NULL, 0);
  return connection;
}

void capture_connected(CaptureConnection *connection) {
  if (!connection || connection->state != synSent) return;
  connection->state = established;
  connection->acknowledged = connection->sides[device].next;
  put_packet(connection, broker, flagSyn | flagAck, NULL, 0);
  put_packet(connection, device, flagAck, NULL, 0);
}

void capture_sent(CaptureConnection *connection, const void *bytes, size_t size) {
  if (!connection) return;
  put_data(connection, device, bytes, size);
  if (acknowledge(connection)) put_packet(connection, broker, flagAck, NULL, 0);
}

void capture_received(CaptureConnection *connection, const void *bytes, size_t size) {
  if (!connection) return;
  acknowledge(connection);
  put_data(connection, broker, bytes, size);
  put_packet(connection, device, flagAck, NULL, 0);
}

void capture_failed(CaptureConnection *connection, int error) {
  if (!connection || connection->state == closed) return;
  bool refused = error == ECONNREFUSED && connection->state == synSent;
  bool reset = error == ECONNRESET || error == EPIPE;
  if (reset) capture_connected(connection);
  if (refused) {
    connection->acknowledged = connection->sides[device].next;
    connection->sides[broker].next = 0; /* RFC 9293 §3.10.7.1 */
  }
  if (refused || reset) put_packet(connection, broker, flagRst | flagAck, NULL, 0);
  connection->state = closed;
}

/* What the socket still holds; Linux answers unread bytes with RST (RFC 2525 §2.17). */
static void put_end(CaptureConnection *connection) {
  static uint8_t unread[65536];
  ssize_t count = recv(connection->fd, unread, sizeof(unread), MSG_PEEK | MSG_DONTWAIT);
  if (count > 0) {
    capture_received(connection, unread, (size_t)count);
    put_packet(connection, device, flagRst | flagAck, NULL, 0);
    return;
  }
  if (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
    capture_failed(connection, errno);
    return;
  }
  bool acknowledged = acknowledge(connection);
  if (count == 0) {
    put_packet(connection, broker, flagFin | flagAck, NULL, 0);
    put_packet(connection, device, flagAck, NULL, 0);
  } else if (acknowledged)
    put_packet(connection, broker, flagAck, NULL, 0);
  put_packet(connection, device, flagFin | flagAck, NULL, 0);
}

void capture_close(CaptureConnection *connection) {
  struct sockaddr_storage peer;
  socklen_t size = sizeof(peer);
  if (!connection) return;
  /* Given up while connecting: the network may have been quicker. */
  if (connection->state == synSent && getpeername(connection->fd, (struct sockaddr *)&peer, &size) == 0)
    capture_connected(connection);
  if (connection->state == established) put_end(connection);
  free(connection);
}
