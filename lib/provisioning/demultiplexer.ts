/**
 * One serial port, three kinds of traffic: our frames, Improv packets, and lines of text (a log). Bytes in, events
 * out, the same at both ends. What turns out to have been no start of a frame or packet is looked through again from
 * its second byte, so that nothing valid is lost behind noise; what is neither frame, packet nor text is `bad`.
 * Memory: 1 KB, whatever comes. No I/O, no clock: the time is passed in.
 */
import { utf8Decode } from "../cbor/utf8.js";
import { canBecomeFrame, decodeFrame, type Frame, maxFrameBytes } from "./frames.js";
import {
  beginsImprov,
  type ImprovPacket,
  improvFirst,
  improvPacketBytes,
  readImprovPacket,
} from "./improv.js";

export type PortEvent =
  | { readonly kind: "frame"; readonly frame: Frame }
  | { readonly kind: "improv"; readonly packet: ImprovPacket }
  /** Without its line feed; of a line of more than 250 bytes, a piece. */
  | { readonly kind: "line"; readonly text: string }
  /** `improv`: a packet whose checksum is wrong; its bytes follow, as what else they may be. */
  | { readonly kind: "bad"; readonly improv: boolean };

/** A frame or packet comes without a pause of this length, or it is none. */
export const maxPauseMs = 300;

const maxLineBytes = 256;
const maxCharacterBytes = 4;
const lineFeed = 10;
const carriageReturn = 13;

export class Demultiplexer {
  /** What may become a frame or packet; begins with the first byte of one. */
  private readonly held = new Uint8Array(maxFrameBytes);
  private heldLength = 0;
  /** Up to where `held` has no zero but its first byte. */
  private searched = 1;
  /** What came before it and is neither: text, or noise. */
  private readonly line = new Uint8Array(maxLineBytes);
  private lineLength = 0;
  private lastAtMs = 0;
  private events: PortEvent[] = [];

  /**
   * Takes what came, or nothing: only the time.
   * @param nowMs of any clock that does not go back
   * @returns what is complete now, in the order it came; the caller's
   */
  receive(bytes: Uint8Array, nowMs: number): PortEvent[] {
    if (nowMs - this.lastAtMs >= maxPauseMs)
      while (this.heldLength > 0) {
        this.letGo();
        this.sort();
      }
    if (bytes.length > 0) this.lastAtMs = nowMs;
    for (let i = 0; i < bytes.length; i++) {
      this.held[this.heldLength++] = bytes[i]!;
      this.sort();
    }
    const { events } = this;
    this.events = [];
    return events;
  }

  /** When to call again, with no bytes if there are none; undefined: not before the next come. */
  get nextWakeAtMs(): number | undefined {
    return this.heldLength > 0 ? this.lastAtMs + maxPauseMs : undefined;
  }

  /** Forgets all that is not complete, and overwrites it: it may have been a secret. */
  clear(): void {
    this.held.fill(0);
    this.line.fill(0);
    this.heldLength = 0;
    this.searched = 1;
    this.lineLength = 0;
  }

  /** Until nothing is held, or the start of something that needs more bytes. */
  private sort(): void {
    while (this.heldLength > 0) if (!(this.held[0] === 0 ? this.tryFrame() : this.tryImprov())) return;
  }

  /** @returns false when more bytes are needed */
  private tryFrame(): boolean {
    const { held, heldLength } = this;
    while (this.searched < heldLength && held[this.searched] !== 0) this.searched++;
    const end = this.searched;
    if (end >= heldLength) {
      if (heldLength === 1 || canBecomeFrame(held, heldLength)) return false;
      return this.letGo();
    }
    const frame = decodeFrame(held, 1, end);
    return frame ? this.take(end + 1, { kind: "frame", frame }) : this.letGo();
  }

  /** @returns false when more bytes are needed */
  private tryImprov(): boolean {
    const { held, heldLength } = this;
    if (!beginsImprov(held, heldLength)) return this.letGo();
    const packetBytes = improvPacketBytes(held, heldLength);
    if (packetBytes === 0 || packetBytes > heldLength) return false;
    const packet = readImprovPacket(held, packetBytes);
    if (packet) return this.take(packetBytes, { kind: "improv", packet });
    // Now, not at the end of the line: somebody waits for an answer.
    this.endLine();
    this.events.push({ kind: "bad", improv: true });
    return this.letGo();
  }

  private take(length: number, event: PortEvent): true {
    this.endLine();
    this.events.push(event);
    return this.drop(length);
  }

  /** The first held byte begins nothing, nor do those after it up to another possible start. */
  private letGo(): true {
    const { held, heldLength } = this;
    let end = 0;
    do this.addToLine(held[end++]!);
    while (end < heldLength && held[end] !== 0 && held[end] !== improvFirst);
    return this.drop(end);
  }

  private drop(length: number): true {
    const { held, heldLength } = this;
    if (length < heldLength) held.copyWithin(0, length, heldLength);
    // Bytes of text go one at a time: no call for each.
    for (let i = heldLength - length; i < heldLength; i++) held[i] = 0;
    this.heldLength = heldLength - length;
    this.searched = 1;
    return true;
  }

  private addToLine(byte: number): void {
    if (byte === lineFeed || byte === 0) return this.endLine();
    const room = maxLineBytes - this.lineLength;
    // A character is not cut in two.
    if (room === 0 || (room <= maxCharacterBytes && (byte & 0xc0) !== 0x80)) this.endLine();
    this.line[this.lineLength++] = byte;
  }

  private endLine(): void {
    const { line, lineLength } = this;
    const end = lineLength > 0 && line[lineLength - 1] === carriageReturn ? lineLength - 1 : lineLength;
    const text = textOf(line.subarray(0, end));
    line.fill(0, 0, lineLength);
    this.lineLength = 0;
    if (text === undefined) this.events.push({ kind: "bad", improv: false });
    else if (text !== "") this.events.push({ kind: "line", text });
  }
}

/** @returns undefined for what is no text: control characters but tab and escape (colours), or no UTF-8 */
function textOf(bytes: Uint8Array): string | undefined {
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte === 0x7f || (byte < 0x20 && byte !== 9 && byte !== 0x1b)) return undefined;
  }
  try {
    return utf8Decode(bytes);
  } catch {
    return undefined;
  }
}
