/** Checks of single values before they are written, so that no encoder makes a packet that is not well-formed. */
import { maxTextBytes, textBytes } from "./text.js";

/** @throws {RangeError} */
export function checkWhole(value: number, least: number, most: number, what: string): number {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new RangeError(`${what} must be a whole number from ${least} to ${most}`);
  return value;
}

/** @throws {RangeError} */
export function checkOptionalWhole(
  value: number | undefined,
  least: number,
  most: number,
  what: string,
): number | undefined {
  return value === undefined ? undefined : checkWhole(value, least, most, what);
}

/**
 * A packet identifier [MQTT-2.2.1-3].
 * @throws {RangeError}
 */
export function checkPacketId(packetId: number): number {
  return checkWhole(packetId, 1, 65535, "packet identifier");
}

/** @throws {TypeError | RangeError} as `textBytes` */
export function checkOptionalText(text: string | undefined, what: string): string | undefined {
  if (text !== undefined) textBytes(text, what);
  return text;
}

/** Bytes with a two-byte length before them. @throws {TypeError | RangeError} */
export function checkBinary(data: Uint8Array, what: string): Uint8Array {
  if (!(data instanceof Uint8Array)) throw new TypeError(`${what} must be bytes`);
  if (data.length > maxTextBytes) throw new RangeError(`${what} is longer than ${maxTextBytes} bytes`);
  return data;
}
