/**
 * The page's half of Improv Wi-Fi Serial as ESP Web Tools have it: npm's improv-wifi-serial-sdk, which is not ours. Only
 * its serial class is loaded, bundled: the package is for bundlers, and its dialog drags a library of widgets in.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { root } from "../../host-sim/paths.js";

export interface SdkPort {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/** Of its ImprovSerial what the tests use. */
export interface ImprovSerial extends EventTarget {
  readonly info?: { name: string; firmware: string; version: string; chipFamily: string };
  readonly nextUrl: string | undefined;
  readonly state?: number;
  readonly error: number;
  initialize(timeoutMs?: number): Promise<ImprovSerial["info"]>;
  requestCurrentState(timeoutMs?: number): Promise<void>;
  scan(timeoutMs?: number): Promise<{ name: string; rssi: number; secured: boolean }[]>;
  provision(ssid: string, password: string, timeoutMs?: number): Promise<void>;
  close(): Promise<void>;
}

export interface SdkLog {
  /** What it complains of: packets it cannot use. */
  readonly errors: string[];
}

/** @returns a client over `port`, and what it complains of */
export async function improvSerial(port: SdkPort): Promise<{ improv: ImprovSerial; log: SdkLog }> {
  const Serial = await serialClass();
  const errors: string[] = [];
  const error = (...words: unknown[]) => errors.push(words.join(" "));
  return { improv: new Serial(port, { log: () => {}, debug: () => {}, error }), log: { errors } };
}

type SerialClass = new (port: SdkPort, logger: object) => ImprovSerial;
let loaded: Promise<SerialClass> | undefined;

function serialClass(): Promise<SerialClass> {
  loaded ??= (async () => {
    const { outputFiles } = await build({
      stdin: {
        contents: 'export { ImprovSerial } from "improv-wifi-serial-sdk/dist/serial.js";',
        resolveDir: root,
      },
      bundle: true,
      write: false,
      format: "esm",
      platform: "browser",
      logLevel: "silent",
    });
    const folder = mkdtempSync(join(tmpdir(), "dormouse-improv-"));
    const file = join(folder, "serial.mjs");
    writeFileSync(file, outputFiles[0]!.contents);
    const { ImprovSerial } = (await import(pathToFileURL(file).href)) as { ImprovSerial: SerialClass };
    rmSync(folder, { recursive: true });
    return ImprovSerial;
  })();
  return loaded;
}
