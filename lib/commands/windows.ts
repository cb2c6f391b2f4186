/**
 * One controller's replay window as a flash entry: dCBOR([sender id, epoch, window]) and the CRC-32 of that,
 * big-endian. Unreadable is not absent: a device that took it for an empty window would act on old commands
 * again, so that controller is refused until the device is provisioned anew, or has a new secret.
 */
import { decode } from "../cbor/decode.js";
import { encode } from "../cbor/encode.js";
import { CborError } from "../cbor/value.js";
import { crc32 } from "../crc32.js";
import type { Sender } from "../sealed/keys.js";
import { decodeWindow, emptyWindow, type ReplayWindow } from "../sealed/window.js";

/** How many counters of a controller the device tells apart. */
export const commandWindowSize = 64;
const crcBytes = 4;
const arrayOfThree = 0x83;
const arrayOfFour = 0x84;
/** Of a byte string of 256 to 65,535 bytes (RFC 8949 §3), as a window's tags are. */
const longHeadBytes = 3;

/** For flash. @returns new bytes, about 630. */
export function encodeWindowRecord({ id, epoch }: Sender, window: ReplayWindow): Uint8Array {
  // By hand, into one allocation: a small board has no room for an array of this size within another.
  const outer = encode([id, epoch]);
  outer[0] = arrayOfThree;
  const inner = encode([window.size, window.highest]);
  inner[0] = arrayOfFour;
  const seen = encode(window.seen);
  const { tags } = window;
  const innerLength = inner.length + seen.length + longHeadBytes + tags.length;
  const end = outer.length + longHeadBytes + innerLength;
  const data = new Uint8Array(end + crcBytes);
  data.set(outer);
  let at = writeLongHead(data, outer.length, innerLength);
  data.set(inner, at);
  data.set(seen, at + inner.length);
  at = writeLongHead(data, at + inner.length + seen.length, tags.length);
  data.set(tags, at);
  new DataView(data.buffer).setUint32(end, crc32(data, 0, end));
  return data;
}

function writeLongHead(data: Uint8Array, at: number, length: number): number {
  data[at] = 0x59;
  data[at + 1] = length >> 8;
  data[at + 2] = length & 0xff;
  return at + longHeadBytes;
}

/**
 * @param data what flash held, undefined when there is no such entry: provisioning removes them.
 * @returns an empty window when there is no entry, or one of an earlier epoch: nothing of that verifies under the
 *   present secret; undefined when there is one that is not intact, or of another sender or a later epoch.
 */
export function decodeWindowRecord({ id, epoch }: Sender, data?: Uint8Array): ReplayWindow | undefined {
  if (data === undefined) return emptyWindow(commandWindowSize);
  const end = data.length - crcBytes;
  if (end <= 0) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  if (view.getUint32(end) !== crc32(data, 0, end)) return undefined;
  try {
    const parts = decode(data.subarray(0, end));
    if (!Array.isArray(parts) || parts.length !== 3) return undefined;
    const [ofId, ofEpoch, content] = parts;
    if (ofId !== id || !(content instanceof Uint8Array)) return undefined;
    if (!Number.isSafeInteger(ofEpoch) || (ofEpoch as number) < 0 || (ofEpoch as number) > epoch)
      return undefined;
    const window = decodeWindow(content);
    if (window?.size !== commandWindowSize) return undefined;
    return ofEpoch !== epoch ? emptyWindow(commandWindowSize) : window;
  } catch (error) {
    if (error instanceof CborError) return undefined;
    throw error;
  }
}
