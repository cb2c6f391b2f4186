/*
 * ECMA-419 serial port as an ESP32's UART, over serial.c: what does not fit into the FIFO is not taken. Ports without a
 * cable (all, unless the simulator is given one) swallow what is written.
 */
export default class Serial @ "xs_serial_destructor" {
  constructor(options) @ "xs_serial_constructor";
  close() @ "xs_serial_close";
  read(count) @ "xs_serial_read";
  write(data) @ "xs_serial_write";
  get format() @ "xs_serial_get_format";
  set format(value) @ "xs_serial_set_format";
}
