/** Damage to packets in a buffer, as a bad line, a bad broker or an attacker would do it. */
import type { BrokerPackets } from "./mqtt-fuzz-broker.js";
import type { Random } from "./mqtt-fuzz-random.js";

const telling = [0, 1, 2, 4, 16, 0x20, 0x30, 0x3d, 0x40, 0x7f, 0x80, 0x81, 0xc0, 0xf0, 0xfe, 0xff];

/** Changes one thing about the packets. The buffer must have room for as much again. */
export function damage(packets: BrokerPackets, random: Random): void {
  const { bytes, starts, end } = packets;
  const one = random.below(starts.length);
  const start = starts[one]!;
  const stop = starts[one + 1] ?? end;
  const at = start + random.below(stop - start);
  switch (random.below(10)) {
    case 0:
    case 1:
      bytes[at]! ^= 1 << random.below(8);
      return;
    case 2:
      bytes[at] = random.pick(telling);
      return;
    case 3: // cut off, at the end or in the middle of the stream
      return move(packets, stop, at, 0);
    case 4: // some bytes missing
      return move(packets, Math.min(stop, at + 1 + random.below(4)), at, 0);
    case 5: // some bytes too many
      return move(packets, at, at + 1 + random.below(4), random.pick(telling));
    case 6: // the length does not fit
      bytes[start + 1] = random.once(2) ? random.pick(telling) : bytes[start + 1]! + random.below(5) - 2;
      return;
    case 7: {
      // the same once more
      const length = stop - start;
      move(packets, stop, stop + length, 0);
      bytes.copyWithin(stop, start, stop);
      return;
    }
    case 8: {
      // a piece of one in another
      const other = random.pick(starts);
      const length = Math.min(1 + random.below(12), end - other, end - at);
      bytes.copyWithin(at, other, other + length);
      return;
    }
    case 9: // another type
      bytes[start] = random.below(256);
      return;
  }
}

/** What begins at `from` then begins at `to`; the gap is filled. */
function move(packets: BrokerPackets, from: number, to: number, fill: number): void {
  const { bytes, starts, end } = packets;
  bytes.copyWithin(to, from, end);
  if (to > from) bytes.fill(fill, from, to);
  packets.end = end + to - from;
  for (let i = 0; i < starts.length; i++)
    if (starts[i]! >= from) starts[i] = Math.max(starts[i]! + to - from, Math.min(to, packets.end));
}
