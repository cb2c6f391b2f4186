/*
 * The device's TCP traffic as a capture file for Wireshark. A socket knows bytes, not packets: those are made here
 * around what the socket has sent and received, when the device saw it, by the virtual clock.
 *   true      addresses, ports, every byte, who ended the connection and how (FIN, RST), and what of the device's
 *             bytes the broker's end has acknowledged (on Linux; elsewhere: everything, at once)
 *   invented  where sequence numbers start, windows, segments (an ESP32's MSS); nothing is ever sent twice
 *   not there what the network says after the device has closed its socket; IPv6, which the world does not resolve to
 * Classic pcap: every reader takes it, it may end after any packet, and it has no place for the TLS keys, which pcapng
 * has. Link type RAW: there are no Ethernet addresses, so none are invented.
 */
#ifndef DORMOUSE_CAPTURE_H
#define DORMOUSE_CAPTURE_H

#include <stddef.h>
#include <sys/socket.h>

/* One TCP connection. NULL, where nothing is captured, is taken by all functions below. */
typedef struct CaptureConnection CaptureConnection;

/* Begins a new file of mode 0600 in place of what is there. Returns 0, or -1 with errno. A write that fails later ends
   the capture after the last whole packet, and is reported once. */
int capture_start(const char *path);

/* The socket has begun to connect. The connection lives until capture_close. */
CaptureConnection *capture_connect(int fd, const struct sockaddr *to);

void capture_connected(CaptureConnection *connection);

/* The kernel has taken these bytes. */
void capture_sent(CaptureConnection *connection, const void *bytes, size_t size);

/* These bytes have come. */
void capture_received(CaptureConnection *connection, const void *bytes, size_t size);

/* connect, send or recv has failed with `error`, an errno. */
void capture_failed(CaptureConnection *connection, int error);

/* The socket is about to be closed: takes what it still knows, also the peer's end, and frees the connection. */
void capture_close(CaptureConnection *connection);

#endif
