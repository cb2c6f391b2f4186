/**
 * What anybody on the machine could see while boards are provisioned: the arguments of all processes, and files with
 * their modes. It learns the boards' own secrets from their flash, to look for them elsewhere.
 */
import { createPrivateKey } from "node:crypto";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { decodeFlash } from "../../host-sim/flash.js";

const everyMs = 100;

export class Watch {
  /** By what they are; the spellings that each could be written in. */
  readonly secrets = new Map<string, readonly string[]>();
  readonly #arguments = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  /** @param folder of the simulated boards' folders */
  start(folder: string): void {
    this.#timer = setInterval(() => this.#look(folder), everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  know(what: string, secret: Uint8Array | string): void {
    const bytes = Buffer.from(secret);
    const hex = bytes.toString("hex");
    const spellings = [bytes.toString("latin1"), hex, hex.toUpperCase(), bytes.toString("base64url")];
    // Inside longer base64 it stands in one of three ways.
    for (let shift = 0; shift < 3; shift++) {
      const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
      spellings.push(text.slice(shift === 0 ? 0 : 4, -4));
    }
    this.secrets.set(what, spellings);
  }

  #look(folder: string): void {
    for (const name of readdirSync("/proc"))
      if (/^\d+$/.test(name)) this.#arguments.add(textOf(`/proc/${name}/cmdline`));
    for (const name of readdirSync(folder))
      if (name.startsWith("dormouse-sim-")) this.#learn(join(folder, name, "flash"));
  }

  #learn(path: string): void {
    let entries: ReturnType<typeof decodeFlash>;
    try {
      entries = decodeFlash(readFileSync(path));
    } catch {
      return; // not there, or just being written
    }
    const id = /"id":"([^"]*)"/.exec(String(entries.find(({ key }) => key === "profile")?.value))?.[1];
    for (const { key, value } of entries) {
      if (!(value instanceof Uint8Array)) continue;
      if (key === "record") this.know(`${id} secret`, value.slice(16, 48));
      if (key === "tls-key" || key === "sign-key") this.know(`${id} ${key}`, scalarOf(value));
    }
  }

  /** Where a secret is: in the arguments of a process, or in what was said. */
  findings(said: readonly { readonly who: string; readonly text: string }[]): string[] {
    const texts = [...said, ...[...this.#arguments].map((text) => ({ who: "an argument", text }))];
    return texts.flatMap(({ who, text }) => this.#in(text).map((what) => `${what}: ${who}`));
  }

  /** Files below `folder` that hold a secret, and that others may read. */
  openFiles(folder: string): string[] {
    const found: string[] = [];
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      const path = join(folder, name);
      if (!lstatSync(path).isFile() || this.#in(textOf(path)).length === 0) continue;
      if (!isPrivate(path, folder)) found.push(name);
    }
    return found;
  }

  #in(text: string): string[] {
    return [...this.secrets]
      .filter(([, spellings]) => spellings.some((one) => text.includes(one)))
      .map(([what]) => what);
  }
}

/** Others cannot read it, or not come near it. */
function isPrivate(path: string, folder: string): boolean {
  for (let at = path; at !== folder; at = dirname(at)) if ((lstatSync(at).mode & 0o077) === 0) return true;
  return false;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return ""; // ended or gone meanwhile
  }
}

/** The private number itself: whatever form it is written in. */
function scalarOf(der: Uint8Array): Uint8Array {
  const { d } = createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" }).export({
    format: "jwk",
  });
  return Buffer.from(d!, "base64url");
}
