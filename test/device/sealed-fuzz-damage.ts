/** Damage to one message, as a bad line, another sender or an attacker who knows CBOR would do it. */
import type { Random } from "./mqtt-fuzz-random.js";

/** The longest message of the campaign with what damage adds to it. */
export const maxDamagedBytes = 1024;

/** Heads of CBOR items, tags of COSE, and values at the edges. */
const telling = [
  0, 1, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1f, 0x20, 0x26, 0x3f, 0x40, 0x41, 0x58, 0x5f, 0x60, 0x7f, 0x80, 0x83,
  0x84, 0x85, 0x9f, 0xa0, 0xa3, 0xa4, 0xbf, 0xc0, 0xd0, 0xd1, 0xd2, 0xd8, 0xf4, 0xf5, 0xf6, 0xf7, 0xf9, 0xff,
];

/**
 * Writes `message` into `buffer` with one to three things changed.
 * @param other whose pieces get into it
 * @returns its length
 */
export function damageMessage(
  buffer: Uint8Array,
  message: Uint8Array,
  other: Uint8Array,
  random: Random,
): number {
  buffer.set(message);
  let length = message.length;
  for (let left = 1 + random.below(3); left > 0 && length > 0; left--)
    length = damageOnce(buffer, length, other, random);
  return length;
}

function damageOnce(buffer: Uint8Array, length: number, other: Uint8Array, random: Random): number {
  // Half of it in the first bytes, where the structure is.
  const at = random.below(random.once(2) ? length : Math.min(length, 48));
  switch (random.below(11)) {
    case 0:
    case 1:
      buffer[at]! ^= 1 << random.below(8);
      return length;
    case 2:
      buffer[at] = random.pick(telling);
      return length;
    case 3: // cut off
      return at;
    case 4: // some bytes missing
      return moved(buffer, length, Math.min(length, at + 1 + random.below(4)), at);
    case 5: // some bytes too many
      return inserted(buffer, length, at, 1 + random.below(4), random.pick(telling));
    case 6: // a byte more or less: a length that does not fit, an algorithm, a label
      buffer[at] = buffer[at]! + random.below(5) - 2;
      return length;
    case 7: // a piece of another message
      return copied(buffer, length, at, other, random);
    case 8: // a number or length in a longer form
      return lengthened(buffer, length, at);
    case 9: // something in an empty map
      return filled(buffer, length, random);
    default: // more of it at the end
      return inserted(buffer, length, length, 1 + random.below(8), random.pick(telling));
  }
}

function moved(buffer: Uint8Array, length: number, from: number, to: number): number {
  buffer.copyWithin(to, from, length);
  return length + to - from;
}

function inserted(buffer: Uint8Array, length: number, at: number, count: number, fill: number): number {
  if (length + count > buffer.length) return length;
  const longer = moved(buffer, length, at, at + count);
  buffer.fill(fill, at, at + count);
  return longer;
}

function copied(buffer: Uint8Array, length: number, at: number, other: Uint8Array, random: Random): number {
  const from = random.below(other.length);
  const count = Math.min(1 + random.below(40), other.length - from, length - at);
  buffer.set(other.subarray(from, from + count), random.once(2) ? at : Math.min(from, length - count));
  return length;
}

/** If an item with a short argument begins at `at`: the same with a byte for the argument. */
function lengthened(buffer: Uint8Array, length: number, at: number): number {
  const initial = buffer[at]!;
  if ((initial & 0x1f) >= 24) return length;
  const longer = inserted(buffer, length, at + 1, 1, initial & 0x1f);
  if (longer > length) buffer[at] = (initial & 0xe0) | 24;
  return longer;
}

/** The first empty map, which is the unprotected header of most messages, gets a label and a small value. */
function filled(buffer: Uint8Array, length: number, random: Random): number {
  const at = buffer.subarray(0, length).indexOf(0xa0);
  if (at < 0) return length;
  const longer = inserted(buffer, length, at + 1, 2, random.below(24));
  if (longer > length) buffer[at] = 0xa1;
  return longer;
}
