/**
 * The pins that an operator has put in the place of the profile's, in a flash entry of their own:
 * dCBOR([version, [pin, …]]) and the CRC-32 of that, big-endian. No roll-back touches them. One pin is replaced at a time,
 * and never one that the connection has shown over which the command came: the broker that sent it stays the device's.
 */
import { decode } from "../cbor/decode.js";
import { encode } from "../cbor/encode.js";
import { CborError, type CborValue } from "../cbor/value.js";
import { parsePin } from "../tls/pins.js";
import { checksummed, intactContent } from "./checksummed.js";
import { isCount } from "./section.js";

export interface PinsRecord {
  /** Rises with each replacement; 0: those of the profile. */
  readonly version: number;
  /** As sha256/BASE64, in the order in which TLS is told. */
  readonly pins: readonly string[];
}

export interface PinRotation {
  readonly version: number;
  readonly old: string;
  readonly next: string;
}

const maxPins = 8;
const pinLength = 51;
const limits = Object.freeze({ maxDepth: 2, maxItems: 4 + maxPins });

/** For flash. @returns new bytes */
export function encodePins({ version, pins }: PinsRecord): Uint8Array {
  return checksummed(encode([version, pins]));
}

/**
 * @param data what flash held; undefined when there is no such entry
 * @returns the profile's pins when there is no entry; undefined when there is one that is not intact: a device that went
 *   back to the profile's would believe in a key that was taken from it
 */
export function decodePins(
  data: Uint8Array | undefined,
  ofProfile: readonly string[],
): PinsRecord | undefined {
  if (data === undefined) return { version: 0, pins: ofProfile };
  const content = intactContent(data);
  return content && read(content);
}

function read(content: Uint8Array): PinsRecord | undefined {
  try {
    const parts = decode(content, limits);
    if (!Array.isArray(parts) || parts.length !== 2) return undefined;
    const [version, pins] = parts as readonly CborValue[];
    if (!isCount(version) || !Array.isArray(pins) || pins.length < 2 || pins.length > maxPins)
      return undefined;
    return pins.every(isPin) ? { version, pins: pins as string[] } : undefined;
  } catch (error) {
    if (error instanceof CborError) return undefined;
    throw error;
  }
}

/**
 * @param matched one bit for each pin, the first lowest: those that the connection's server has shown
 * @returns the record to write; or, as a text, why it is not done
 */
export function rotatedPins(
  { version, pins }: PinsRecord,
  rotation: PinRotation,
  matched: number,
): PinsRecord | string {
  if (pins.length === 0) return "this device has no pins";
  if (rotation.version <= version) return `its pins have version ${version} already`;
  if (matched === 0) return "it is not known which pin this connection has shown";
  const at = pins.indexOf(rotation.old);
  if (at < 0) return "the old pin is none of its pins";
  if ((matched >> at) & 1)
    return "the broker has shown the old pin on this connection: move the broker first";
  if (!isPin(rotation.next)) return "the new pin is not sha256/ and 44 characters of base64";
  if (pins.includes(rotation.next)) return "the new pin is one of its pins already";
  return { version: rotation.version, pins: pins.map((pin, i) => (i === at ? rotation.next : pin)) };
}

/** One spelling of the three, as in the profile. */
function isPin(pin: unknown): boolean {
  try {
    parsePin(pin as string);
    return (pin as string).length === pinLength;
  } catch {
    return false;
  }
}
