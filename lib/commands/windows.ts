/**
 * One controller's replay window as a flash entry: dCBOR([sender id, epoch, window]) and the CRC-32 of that,
 * big-endian. Unreadable is not absent: a device that took it for an empty window would act on old commands
 * again, so that controller is refused until the device is provisioned anew.
 */
import { decode } from "../cbor/decode.js";
import { encode } from "../cbor/encode.js";
import { CborError } from "../cbor/value.js";
import { crc32 } from "../crc32.js";
import type { Sender } from "../sealed/keys.js";
import { decodeWindow, emptyWindow, encodeWindow, type ReplayWindow } from "../sealed/window.js";

/** How many counters of a controller the device tells apart. */
export const commandWindowSize = 64;
/** How many controllers a device has at most: what they cost it is known before the first command. */
export const maxControllers = 4;
const crcBytes = 4;
const arrayOfThree = 0x83;
/** Of 256 to 65,535 bytes (RFC 8949 §3). */
const byteStringHeadBytes = 3;

/** For flash. @returns new bytes, about 630. */
export function encodeWindowRecord({ id, epoch }: Sender, window: ReplayWindow): Uint8Array {
  // The array of three, and the head of its last item of more than 255 bytes, by hand: a small board has no room for
  // them twice.
  const head = encode([id, epoch]);
  const content = encodeWindow(window);
  const end = head.length + byteStringHeadBytes + content.length;
  const data = new Uint8Array(end + crcBytes);
  data.set(head);
  data[0] = arrayOfThree;
  data.set([0x59, content.length >> 8, content.length & 0xff], head.length);
  data.set(content, head.length + byteStringHeadBytes);
  new DataView(data.buffer).setUint32(end, crc32(data, 0, end));
  return data;
}

/**
 * @param data what flash held, undefined when there is no such entry: provisioning removes them.
 * @returns an empty window when there is no entry; undefined when there is one that is not intact, or not of
 *   this sender and epoch.
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
    if (ofId !== id || ofEpoch !== epoch || !(content instanceof Uint8Array)) return undefined;
    const window = decodeWindow(content);
    return window?.size === commandWindowSize ? window : undefined;
  } catch (error) {
    if (error instanceof CborError) return undefined;
    throw error;
  }
}
