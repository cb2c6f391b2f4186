/* Deep sleep, restart, wake cause and RTC memory: one line over the native each. See power.d.ts. */
function sleep(milliseconds, pin, level) @ "xs_power_deep_sleep";
function write(buffer, offset, length) @ "xs_power_write_rtc";
function writeByte(at, value) @ "xs_power_write_rtc_byte";
function read() @ "xs_power_read_rtc";
function bytes() @ "xs_power_rtc_bytes";
function reboot() @ "xs_power_restart";
function cause() @ "xs_power_wake_cause";
function clock(unixMs) @ "xs_power_set_clock";

export function deepSleep(milliseconds, wakeOn) {
  sleep(milliseconds, wakeOn ? wakeOn.pin : -1, wakeOn ? wakeOn.level : 0);
}
export function restart() { reboot(); }
export function wakeCause() { return cause(); }
export function setClock(unixMs) { clock(unixMs); }
export function readRtc() { return new Uint8Array(read()); }
export function writeRtc(data) { write(data.buffer, data.byteOffset, data.byteLength); }
export function writeRtcByte(at, value) { writeByte(at, value); }
export function rtcBytes() { return bytes(); }
