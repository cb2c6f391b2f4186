/**
 * Writes firmware with Espressif's esptool-js, which speaks to the loader in the chip's ROM. It opens and closes the
 * port itself, so nobody else may hold it. What was written is compared by MD5, which the chip computes.
 */
import { md5 } from "@noble/hashes/legacy.js";
import { ESPLoader, Transport } from "esptool-js";
import type { WebSerialPort } from "../serial/web-serial.js";
import type { Image } from "./manifest.js";

export interface Flashing {
  /** Which images go onto this family of chips. @throws {RangeError} when none do */
  readonly images: (chipFamily: string) => readonly Image[];
  /** Before it is written: all of it, keys and readings too. */
  readonly eraseAll: boolean;
  readonly tell: (line: string) => void;
  /** From 0 to 1. */
  readonly progress: (share: number) => void;
}

/** What most USB bridges manage. */
const fastBaud = 460_800;
const resetMs = 100;

/** @throws {Error} of esptool-js, or of `images` */
export async function flash(
  port: WebSerialPort,
  { images, eraseAll, tell, progress }: Flashing,
): Promise<void> {
  // biome-ignore lint/suspicious/noExplicitAny: its types ask for a package of types that is not there
  const transport = new Transport(port as any, false);
  try {
    const loader = new ESPLoader({
      transport,
      baudrate: fastBaud,
      terminal: { clean: () => {}, writeLine: tell, write: () => {} },
    });
    await loader.main();
    const chosen = images(loader.chip.CHIP_NAME);
    const total = chosen.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const before = (index: number) =>
      chosen.slice(0, index).reduce((sum, { bytes }) => sum + bytes.length, 0);
    await loader.writeFlash({
      fileArray: chosen.map(({ bytes, offset }) => ({ data: bytes, address: offset })),
      // The image says itself how its flash is driven.
      flashMode: "keep",
      flashFreq: "keep",
      flashSize: "keep",
      eraseAll,
      compress: true,
      calculateMD5Hash: (image) => hex(md5(image)),
      reportProgress: (index, written, of) =>
        progress((before(index) + (written / of) * chosen[index]!.bytes.length) / total),
    });
    await restart(port);
  } finally {
    await transport.disconnect().catch(() => {});
  }
}

/** esptool-js lets go of the reset line but does not pull it first. DTR inactive: the ROM starts what is in flash. */
async function restart(port: WebSerialPort): Promise<void> {
  await port.setSignals({ dataTerminalReady: false, requestToSend: true });
  await new Promise((done) => setTimeout(done, resetMs));
  await port.setSignals({ dataTerminalReady: false, requestToSend: false });
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
