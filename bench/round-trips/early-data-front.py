"""TLS before a broker, by OpenSSL's library: takes 0-RTT data, and answers it before the handshake is over
(RFC 8446 section 2, "0.5-RTT data"), which openssl s_server does not. One device after the other.
Arguments: CHAIN KEY BROKER-PORT; prints its own port."""
import ctypes
import ctypes.util
import select
import socket
import sys

chain, key, broker_port = sys.argv[1:]
ssl = ctypes.CDLL(ctypes.util.find_library("ssl"))
for name in ["TLS_server_method", "SSL_CTX_new", "SSL_new"]:
    getattr(ssl, name).restype = ctypes.c_void_p

PEM, WANT_READ, MIN_VERSION, TLS_1_3 = 1, 2, 123, 0x0304
FAILED, TAKEN, FINISHED = 0, 1, 2


def context():
    made = ctypes.c_void_p(ssl.SSL_CTX_new(ctypes.c_void_p(ssl.TLS_server_method())))
    ssl.SSL_CTX_ctrl(made, MIN_VERSION, ctypes.c_long(TLS_1_3), None)
    assert ssl.SSL_CTX_use_certificate_chain_file(made, chain.encode()) == 1, chain
    assert ssl.SSL_CTX_use_PrivateKey_file(made, key.encode(), PEM) == 1, key
    ssl.SSL_CTX_set_max_early_data(made, ctypes.c_uint32(16384))
    return made


class Device:
    def __init__(self, made, connection):
        self.connection = connection
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tls = ctypes.c_void_p(ssl.SSL_new(made))
        ssl.SSL_set_fd(self.tls, connection.fileno())
        ssl.SSL_set_accept_state(self.tls)
        self.early = True
        self.buffer = ctypes.create_string_buffer(16384)
        self.count = ctypes.c_size_t()

    def read(self):
        """What there is to read: b"" for nothing yet, None at the end."""
        room = (self.tls, self.buffer, ctypes.c_size_t(16384), ctypes.byref(self.count))
        if self.early:
            result = ssl.SSL_read_early_data(*room)
            if result == FINISHED:
                self.early = False
                return self.read()
            taken = result == TAKEN
        else:
            # Does the rest of the handshake, too.
            result = ssl.SSL_read_ex(*room)
            taken = result == 1
        if taken:
            return self.buffer.raw[: self.count.value]
        return b"" if ssl.SSL_get_error(self.tls, min(result, 0)) == WANT_READ else None

    def write(self, data):
        write = ssl.SSL_write_ex if ssl.SSL_is_init_finished(self.tls) else ssl.SSL_write_early_data
        assert write(self.tls, data, ctypes.c_size_t(len(data)), ctypes.byref(self.count)) == 1

    def close(self):
        # Without close_notify OpenSSL forgets the session.
        ssl.SSL_shutdown(self.tls)
        ssl.SSL_free(self.tls)
        self.connection.close()


def serve(device, broker):
    while True:
        ready, _, _ = select.select([device.connection, broker], [], [])
        if device.connection in ready:
            while data := device.read():
                broker.sendall(data)
            if data is None:
                return
        if broker in ready:
            data = broker.recv(16384)
            if not data:
                return
            device.write(data)


server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
settings = context()
while True:
    device = Device(settings, server.accept()[0])
    with socket.create_connection(("127.0.0.1", int(broker_port))) as broker:
        broker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        serve(device, broker)
    device.close()
