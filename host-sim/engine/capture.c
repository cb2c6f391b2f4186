/* Packets around the bytes of sockets (RFC 791, 8200, 9293), in a pcap file; see capture.h. */
#define _FILE_OFFSET_BITS 64 /* a 32-bit engine too may write more than 2 GB */

#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
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
enum { recordBytes = 16, ip4Bytes = 20, ip6Bytes = 40, tcpBytes = 20, optionBytes = 8 };
/* A quarter of an ESP32's buffer. With the scale the windows are too wide to be ever reported full. */
enum { maxSegmentBytes = 1436, windowScale = 7, window = 65535 };

typedef enum { connecting, open_, halfClosed, over } State;
typedef enum { device, broker } Side;

struct CaptureConnection {
  int fd;
  State state;
  size_t addressBytes; /* 4 or 16 */
  struct {
    uint8_t address[16], port[2];
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
  const uint32_t head[6] = {0xA1B2C3D4, 4U << 16 | 2, 0, 0, snapLength, linkTypeRaw};
  uint8_t bytes[sizeof(head)];
  uint16_t version[2] = {2, 4};
  struct stat about;
  memcpy(bytes, head, sizeof(head));
  memcpy(bytes + 4, version, sizeof(version));
  file.fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file.fd < 0 || fstat(file.fd, &about) != 0) return -1;
  if (S_ISREG(about.st_mode) && fchmod(file.fd, 0600) != 0) return -1;
  int error = write_all(bytes, sizeof(bytes));
  if (error) {
    errno = error;
    return -1;
  }
  file.size = sizeof(bytes);
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

static size_t put_ip(uint8_t *at, const CaptureConnection *connection, Side from, size_t size) {
  const uint8_t *source = connection->sides[from].address, *target = connection->sides[!from].address;
  bool four = connection->addressBytes == 4;
  size_t head = four ? ip4Bytes : ip6Bytes;
  memset(at, 0, head);
  memcpy(at + head - 2 * connection->addressBytes, source, connection->addressBytes);
  memcpy(at + head - connection->addressBytes, target, connection->addressBytes);
  if (four) {
    at[0] = 0x45;
    put16(at + 2, head + size);
    put16(at + 6, 0x4000); /* do not fragment: the identification may then be 0 (RFC 6864) */
    at[8] = hopLimit;
    at[9] = protocolTcp;
    put16(at + 10, checksum(sum16(0, at, head)));
  } else {
    at[0] = 0x60;
    put16(at + 4, size);
    at[6] = protocolTcp;
    at[7] = hopLimit;
  }
  return head;
}

static size_t put_tcp(uint8_t *at, const CaptureConnection *connection, Side from, int flags, const uint8_t *data,
                      size_t size) {
  static const uint8_t options[optionBytes] = {
      2, 4, maxSegmentBytes >> 8, maxSegmentBytes & 255, 1, 3, 3, windowScale};
  size_t head = tcpBytes + (flags & flagSyn ? sizeof(options) : 0);
  size_t n = connection->addressBytes;
  memset(at, 0, head);
  memcpy(at, connection->sides[from].port, 2);
  memcpy(at + 2, connection->sides[!from].port, 2);
  put32(at + 4, connection->sides[from].next);
  if (flags & flagAck) put32(at + 8, from == device ? connection->sides[broker].next : connection->acknowledged);
  at[12] = (uint8_t)(head / 4 << 4);
  at[13] = (uint8_t)flags;
  put16(at + 14, flags & flagRst ? 0 : window);
  if (flags & flagSyn) memcpy(at + tcpBytes, options, sizeof(options));
  if (size) memcpy(at + head, data, size);
  /* The pseudo headers of IPv4 and IPv6 have the same sum. */
  uint32_t sum = protocolTcp + (uint32_t)(head + size);
  for (int side = 0; side < 2; side++) sum = sum16(sum, connection->sides[side].address, n);
  put16(at + 16, checksum(sum16(sum, at, head + size)));
  return head + size;
}

static void put_packet(CaptureConnection *connection, Side from, int flags, const uint8_t *data, size_t size) {
  uint8_t bytes[recordBytes + ip6Bytes + tcpBytes + optionBytes + maxSegmentBytes];
  size_t ip = connection->addressBytes == 4 ? ip4Bytes : ip6Bytes;
  size_t tcp = put_tcp(bytes + recordBytes + ip, connection, from, flags, data, size);
  connection->sides[from].next += (uint32_t)size + (flags & (flagSyn | flagFin) ? 1 : 0);
  if (file.fd < 0) return;
  put_ip(bytes + recordBytes, connection, from, tcp);
  double now = clock_world();
  if (now < file.lastMs) now = file.lastMs; /* a boot begins at whole milliseconds */
  file.lastMs = now;
  uint64_t us = (uint64_t)(now * 1000);
  uint32_t record[4] = {(uint32_t)(us / 1000000), (uint32_t)(us % 1000000), (uint32_t)(ip + tcp), (uint32_t)(ip + tcp)};
  memcpy(bytes, record, sizeof(record));
  append(bytes, recordBytes + ip + tcp);
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

static void take_address(CaptureConnection *connection, Side side, const struct sockaddr *address) {
  const struct sockaddr_in *four = (const void *)address;
  const struct sockaddr_in6 *six = (const void *)address;
  bool is4 = address->sa_family == AF_INET;
  memcpy(connection->sides[side].address, is4 ? (const void *)&four->sin_addr : &six->sin6_addr, is4 ? 4 : 16);
  memcpy(connection->sides[side].port, is4 ? &four->sin_port : &six->sin6_port, 2);
}

CaptureConnection *capture_connect(int fd, const struct sockaddr *to) {
  struct sockaddr_storage own = {.ss_family = to->sa_family};
  socklen_t size = sizeof(own);
  CaptureConnection *connection = file.fd < 0 ? NULL : calloc(1, sizeof(*connection));
  if (!connection) return NULL;
  getsockname(fd, (struct sockaddr *)&own, &size);
  connection->fd = fd;
  connection->addressBytes = to->sa_family == AF_INET ? 4 : 16;
  take_address(connection, device, (const struct sockaddr *)&own);
  take_address(connection, broker, to);
  /* Numbers of its own for each connection: a port that comes again is then no retransmission. */
  connection->sides[device].next = ++file.connections << 20;
  connection->sides[broker].next = file.connections << 20 | 1U << 19;
  put_packet(connection, device, flagSyn, NULL, 0);
  return connection;
}

void capture_connected(CaptureConnection *connection) {
  if (!connection || connection->state != connecting) return;
  connection->state = open_;
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

void capture_ended(CaptureConnection *connection) {
  if (!connection || connection->state != open_) return;
  connection->state = halfClosed;
  acknowledge(connection);
  put_packet(connection, broker, flagFin | flagAck, NULL, 0);
  put_packet(connection, device, flagAck, NULL, 0);
}

void capture_failed(CaptureConnection *connection, int error) {
  if (!connection || connection->state == over) return;
  bool refused = error == ECONNREFUSED && connection->state == connecting;
  bool reset = error == ECONNRESET || error == EPIPE;
  if (reset) capture_connected(connection);
  if (refused) {
    connection->acknowledged = connection->sides[device].next;
    connection->sides[broker].next = 0; /* RFC 9293 §3.10.7.1 */
  }
  if (refused || reset) put_packet(connection, broker, flagRst | flagAck, NULL, 0);
  connection->state = over;
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
  if (count == 0) capture_ended(connection);
  else if (errno != EAGAIN && errno != EWOULDBLOCK) {
    capture_failed(connection, errno);
    return;
  }
  if (acknowledge(connection)) put_packet(connection, broker, flagAck, NULL, 0);
  put_packet(connection, device, flagFin | flagAck, NULL, 0);
}

void capture_close(CaptureConnection *connection) {
  struct sockaddr_storage peer;
  socklen_t size = sizeof(peer);
  if (!connection) return;
  /* Given up while connecting: the network may have been quicker. */
  if (connection->state == connecting && getpeername(connection->fd, (struct sockaddr *)&peer, &size) == 0)
    capture_connected(connection);
  if (connection->state == open_ || connection->state == halfClosed) put_end(connection);
  free(connection);
}
