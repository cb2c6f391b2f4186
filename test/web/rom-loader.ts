/**
 * The loader in an Espressif chip's ROM and the stub that esptool puts over it, as far as writing flash needs them, from
 * Espressif's "Serial Protocol" (docs.espressif.com/projects/esptool): SLIP, commands, and the reset circuit on DTR and
 * RTS that boards have. Nothing of esptool-js is used.
 */
import { createHash } from "node:crypto";
import { inflateSync } from "node:zlib";
import type { FarEnd } from "./serial-stub.js";

export type ChipName = "ESP32" | "ESP32-C3";

const op = {
  memBegin: 0x05,
  memEnd: 0x06,
  memData: 0x07,
  sync: 0x08,
  writeReg: 0x09,
  readReg: 0x0a,
  changeBaud: 0x0f,
  deflBegin: 0x10,
  deflData: 0x11,
  deflEnd: 0x12,
  md5: 0x13,
  securityInfo: 0x14,
  eraseFlash: 0xd0,
} as const;

const end = 0xc0;
const esc = 0xdb;
const escapedEnd = 0xdc;
const escapedEscape = 0xdd;
const checksumSeed = 0xef;
const invalidCommand = [1, 5] as const;
const badChecksum = [1, 7] as const;
const sectorBytes = 4096;

const chips = {
  // The older chip is known by a word of its ROM, the newer says its id.
  ESP32: { magic: 0x00f0_1d83, id: undefined },
  "ESP32-C3": { magic: 0x1b31_506f, id: 5 },
} as const;

interface Download {
  readonly offset: number;
  readonly size: number;
  readonly compressed: Buffer[];
}

export class RomLoader implements FarEnd {
  readonly flash: Uint8Array;
  readonly did: string[] = [];
  /** Each byte that is written to flash goes through it. */
  damage: (bytes: Uint8Array) => void = () => {};
  readonly #chip: (typeof chips)[ChipName];
  readonly #send: (bytes: Uint8Array) => void;
  readonly #registers = new Map<number, number>();
  #mode: "application" | "rom" | "stub" = "application";
  #packet: number[] | undefined;
  #escaping = false;
  #hostBaud = 0;
  #baud = 115_200;
  #lines = { dtr: true, rts: true };
  #download: Download | undefined;

  constructor(chip: ChipName, flashBytes: number, send: (bytes: Uint8Array) => void) {
    this.#chip = chips[chip];
    this.flash = new Uint8Array(flashBytes).fill(0x5a);
    this.#send = send;
    this.#registers.set(0x4000_1000, this.#chip.magic);
  }

  opened(baudRate: number): void {
    this.#hostBaud = baudRate;
    this.#packet = undefined;
  }

  /** RTS active with DTR inactive holds the chip in reset; when it is let go, DTR active means the ROM's loader. */
  signals({
    dataTerminalReady,
    requestToSend,
  }: {
    dataTerminalReady?: boolean;
    requestToSend?: boolean;
  }): void {
    const held = this.#lines.rts && !this.#lines.dtr;
    if (dataTerminalReady !== undefined) this.#lines.dtr = dataTerminalReady;
    if (requestToSend !== undefined) this.#lines.rts = requestToSend;
    if (!held || this.#lines.rts) return;
    this.#baud = 115_200;
    this.#mode = this.#lines.dtr ? "rom" : "application";
    this.did.push(this.#mode === "rom" ? "boots the loader" : "boots the application");
    const said =
      this.#mode === "rom"
        ? "boot:0x5 (DOWNLOAD(USB/UART0))\r\nwaiting for download\r\n"
        : "boot:0xd (SPI_FAST_FLASH_BOOT)\r\n";
    this.#send(Buffer.from(`ESP-ROM:sim\r\nrst:0x1 (POWERON),${said}`));
  }

  received(bytes: Uint8Array): void {
    if (this.#mode === "application" || this.#hostBaud !== this.#baud) return;
    for (const byte of bytes) this.#take(byte);
  }

  #take(byte: number): void {
    if (byte === end) {
      const packet = this.#packet;
      this.#packet = packet && packet.length > 0 ? undefined : [];
      if (packet && packet.length > 0) this.#command(Buffer.from(packet));
    } else if (this.#escaping) {
      this.#escaping = false;
      this.#packet?.push(byte === escapedEnd ? end : byte === escapedEscape ? esc : byte);
    } else if (byte === esc) this.#escaping = true;
    else this.#packet?.push(byte);
  }

  #command(packet: Buffer): void {
    if (packet.length < 8 || packet[0] !== 0) return;
    const data = packet.subarray(8);
    if (data.length !== packet.readUInt16LE(2)) return;
    const word = (index: number) => data.readUInt32LE(index * 4);
    const code = packet[1]!;
    switch (code) {
      case op.sync:
        // The ROM answers eight times.
        for (let n = 0; n < 8; n++) this.#answer(code, 0x2012_0707);
        return;
      case op.readReg:
        return this.#answer(code, this.#registers.get(word(0)) ?? 0);
      case op.writeReg:
        return this.#answer(code);
      case op.securityInfo:
        return this.#securityInfo(code);
      case op.memBegin:
        return this.#answer(code);
      case op.memData:
        return this.#checked(code, packet, () => this.#answer(code));
      case op.memEnd:
        this.#answer(code);
        this.#mode = "stub";
        this.did.push("runs the stub");
        return this.#write(Buffer.from("OHAI"));
      case op.changeBaud:
        this.#answer(code);
        this.#baud = word(0);
        this.did.push(`speaks at ${this.#baud}`);
        return;
      case op.eraseFlash:
        this.flash.fill(0xff);
        this.did.push("erases all");
        return this.#answer(code);
      case op.deflBegin:
        return this.#begin(code, word(0), word(3));
      case op.deflData:
        return this.#checked(code, packet, () => this.#block(code, data.subarray(16, 16 + word(0))));
      case op.deflEnd:
        return this.#answer(code);
      case op.md5: {
        const part = this.flash.subarray(word(0), word(0) + word(1));
        return this.#answer(code, 0, createHash("md5").update(part).digest());
      }
      default:
        return this.#answer(code, 0, undefined, invalidCommand);
    }
  }

  #securityInfo(code: number): void {
    const { id } = this.#chip;
    if (id === undefined) return this.#answer(code, 0, undefined, invalidCommand);
    const info = Buffer.alloc(20);
    info.writeUInt32LE(id, 12);
    this.#answer(code, 0, info);
  }

  /** Whole sectors are erased. */
  #begin(code: number, size: number, offset: number): void {
    const after = Math.ceil((offset + size) / sectorBytes) * sectorBytes;
    if (after > this.flash.length) return this.#answer(code, 0, undefined, invalidCommand);
    this.flash.fill(0xff, Math.floor(offset / sectorBytes) * sectorBytes, after);
    this.#download = { offset, size, compressed: [] };
    this.#answer(code);
  }

  #block(code: number, block: Buffer): void {
    const download = this.#download!;
    download.compressed.push(Buffer.from(block));
    let bytes: Buffer | undefined;
    try {
      bytes = inflateSync(Buffer.concat(download.compressed));
    } catch {
      // there is more to come
    }
    if (bytes) {
      const written = bytes.subarray(0, download.size);
      this.damage(written);
      this.flash.set(written, download.offset);
      this.did.push(`writes ${written.length} bytes at 0x${download.offset.toString(16)}`);
    }
    this.#answer(code);
  }

  #checked(code: number, packet: Buffer, act: () => void): void {
    const sum = packet.subarray(24).reduce((state, byte) => state ^ byte, checksumSeed);
    if (sum === packet.readUInt32LE(4)) act();
    else this.#answer(code, 0, undefined, badChecksum);
  }

  #answer(code: number, value = 0, data: Buffer = Buffer.alloc(0), status: readonly number[] = [0, 0]): void {
    const head = Buffer.alloc(8);
    head[0] = 1;
    head[1] = code;
    head.writeUInt16LE(data.length + status.length, 2);
    head.writeUInt32LE(value >>> 0, 4);
    this.#write(Buffer.concat([head, data, Buffer.from(status)]));
  }

  #write(packet: Buffer): void {
    const out = [end];
    for (const byte of packet)
      if (byte === end) out.push(esc, escapedEnd);
      else if (byte === esc) out.push(esc, escapedEscape);
      else out.push(byte);
    out.push(end);
    this.#send(Uint8Array.from(out));
  }
}
