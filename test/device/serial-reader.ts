/**
 * What is valid on a line, read in another way than lib does it: all of it is there, every place may be a start, and
 * the checksum's table is worked out bit by bit.
 */

export interface LineFrame {
  readonly type: number;
  readonly sequence: number;
  readonly payload: readonly number[];
}

/** Frames between any two zeros of the line. */
export function framesIn(line: Uint8Array): LineFrame[] {
  const frames: LineFrame[] = [];
  let start = line.indexOf(0);
  while (start >= 0) {
    const end = line.indexOf(0, start + 1);
    const plain = end < 0 ? [] : unstuffed(line.subarray(start + 1, end));
    const [type, sequence, high, low] = plain;
    if (plain.length >= 8 && high! * 256 + low! === plain.length - 8 && checked(plain))
      frames.push({ type: type!, sequence: sequence!, payload: plain.slice(4, -4) });
    start = end;
  }
  return frames;
}

/** The data of Improv commands whose checksum is right, wherever they begin. */
export function commandsIn(line: Uint8Array): number[][] {
  const commands: number[][] = [];
  for (let start = line.indexOf(0x49); start >= 0; start = line.indexOf(0x49, start + 1)) {
    const [i, m, p, r, o, v, version, type, length = 0] = line.subarray(start, start + 9);
    if (String.fromCharCode(i!, m!, p!, r!, o!, v!) !== "IMPROV" || version !== 1 || type !== 3) continue;
    const whole = line.subarray(start, start + 10 + length);
    const sum = whole.subarray(0, -1).reduce((total, byte) => total + byte, 0);
    if (whole.length === 10 + length && whole[9 + length] === sum % 256)
      commands.push([...whole.subarray(9, -1)]);
  }
  return commands;
}

function unstuffed(stuffed: Uint8Array): number[] {
  const plain: number[] = [];
  let left = 0;
  let zero = false;
  for (const byte of stuffed) {
    if (left > 0) {
      plain.push(byte);
      left--;
      continue;
    }
    if (zero) plain.push(0);
    left = byte - 1;
    zero = byte < 255;
  }
  return left > 0 ? [] : plain;
}

const table = Array.from({ length: 256 }, (_, byte) => {
  let register = byte;
  for (let bit = 0; bit < 8; bit++) register = (register >>> 1) ^ (register & 1 ? 0xedb88320 : 0);
  return register;
});

/** Whether the last four bytes are the CRC-32 of those before, big-endian. */
function checked(plain: readonly number[]): boolean {
  let register = 0xffff_ffff;
  const end = plain.length - 4;
  for (let i = 0; i < end; i++) register = (register >>> 8) ^ table[(register ^ plain[i]!) & 255]!;
  register = ~register;
  for (let i = 0; i < 4; i++) if (plain[end + i] !== ((register >>> (24 - 8 * i)) & 255)) return false;
  return true;
}
