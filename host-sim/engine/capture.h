/*
 * The device's TCP traffic as a capture file for Wireshark. A socket knows bytes, not packets: those are made here
 * around what the socket has sent and received, at the virtual clock's time.
 *   true      addresses, ports, every byte and its order, who ended the connection and how (FIN, RST), and what of the
 *             device's bytes the broker has acknowledged (Linux; elsewhere: everything, at once)
 *   invented  sequence numbers' start, windows, segment borders (an ESP32's MSS), retransmissions (none)
 *   unknown   what the network says after the device has closed its socket
 * The format is classic pcap, which every reader takes and which can be cut after any packet; pcapng would add only
 * what is not wanted here: names, comments, and TLS keys in the file itself. Link type RAW: no Ethernet addresses to invent.
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

/* The socket has begun to connect. The result belongs to capture_close. */
CaptureConnection *capture_connect(int fd, const struct sockaddr *to);

void capture_connected(CaptureConnection *connection);

/* The kernel has taken these bytes. */
void capture_sent(CaptureConnection *connection, const void *bytes, size_t size);

/* These bytes have come. */
void capture_received(CaptureConnection *connection, const void *bytes, size_t size);

/* The peer will send no more. */
void capture_ended(CaptureConnection *connection);

/* connect, send or recv has failed with `error`, an errno. */
void capture_failed(CaptureConnection *connection, int error);

/* The socket is about to be closed, and still open. Frees the connection. */
void capture_close(CaptureConnection *connection);

#endif
