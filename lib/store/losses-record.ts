/**
 * What flash says of readings that nobody will get, where no segment says it: written before the first reading that is
 * taken after RTC memory was lost, and after every so many that were dropped. So it is known what a further loss adds to.
 *
 *   0  "LO"   2  version, 1   3  open      4  reservation end, u48   10  dropped, u32   14  gap, u32   18  CRC-32
 *
 * Big-endian. The reservation is that of when it was written: while it stands, no message has been frozen since. It is
 * open until a wake has ended.
 */
import { crc32 } from "../crc32.js";

export interface LossesRecord {
  readonly reservedEnd: number;
  readonly dropped: number;
  readonly gap: number;
  /** After a loss of RTC memory so many boots in a row, 3 at most, have taken a reading, and no wake has ended since. */
  readonly open: number;
}

const bytes = 22;
const crcAt = bytes - 4;
const magic = 0x4c4f;
const version = 1;
/** A board whose power fails at every boot writes to flash so often, and then measures no more. */
export const mostOpen = 3;
const most = 0xffff_ffff;

export function encodeLosses({ reservedEnd, dropped, gap, open }: LossesRecord): Uint8Array {
  const data = new Uint8Array(bytes);
  const view = new DataView(data.buffer);
  view.setUint16(0, magic);
  view.setUint8(2, version);
  view.setUint8(3, open);
  view.setUint16(4, Math.floor(reservedEnd / 2 ** 32));
  view.setUint32(6, reservedEnd % 2 ** 32);
  view.setUint32(10, Math.min(dropped, most));
  view.setUint32(14, Math.min(gap, most));
  view.setUint32(crcAt, crc32(data, 0, crcAt));
  return data;
}

/** Undefined when there is none that can be read. */
export function decodeLosses(data: Uint8Array | undefined): LossesRecord | undefined {
  if (data?.length !== bytes) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, bytes);
  if (view.getUint16(0) !== magic || view.getUint8(2) !== version) return undefined;
  if (view.getUint32(crcAt) !== crc32(data, 0, crcAt)) return undefined;
  const open = view.getUint8(3);
  if (open > mostOpen) return undefined;
  const reservedEnd = view.getUint16(4) * 2 ** 32 + view.getUint32(6);
  return { reservedEnd, dropped: view.getUint32(10), gap: view.getUint32(14), open };
}
