/* ECMA-419 TCP socket, over tcp.c. As on a board: the address is an IP address, and what does not fit is not taken. */
export default class TCP @ "xs_tcp_destructor" {
  constructor(options) @ "xs_tcp_constructor";
  close() @ "xs_tcp_close";
  read(count) @ "xs_tcp_read";
  write(data) @ "xs_tcp_write";
  get remoteAddress() @ "xs_tcp_get_remote_address";
  get remotePort() @ "xs_tcp_get_remote_port";
  get format() @ "xs_tcp_get_format";
  set format(value) @ "xs_tcp_set_format";
}
