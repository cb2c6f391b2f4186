/** A TLS terminator that takes 0-RTT data, before a broker without TLS: see early-data-front.py. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { root } from "../../host-sim/paths.js";
import type { ServerCertificate } from "../../test/e2e/tls-mosquitto.js";

const findsOpenssl = "import ctypes.util; assert ctypes.util.find_library('ssl')";

/** What is to be installed; undefined when it is there. */
export function earlyDataFrontMissing(): string | undefined {
  const found = spawnSync("python3", ["-c", findsOpenssl], { stdio: "ignore" }).status === 0;
  return found ? undefined : "Python 3 and OpenSSL's library (Debian: python3 libssl3)";
}

export class EarlyDataFront {
  readonly #folder = mkdtempSync(join(tmpdir(), "dormouse-front-"));
  #process: ChildProcess | undefined;

  /** @returns its port on loopback */
  async start({ chainPem, keyPem }: ServerCertificate, brokerPort: number): Promise<number> {
    const [chain, key] = [join(this.#folder, "chain.pem"), join(this.#folder, "key.pem")];
    writeFileSync(chain, chainPem);
    writeFileSync(key, keyPem, { mode: 0o600 });
    const args = [`${root}bench/round-trips/early-data-front.py`, chain, key, `${brokerPort}`];
    const front = spawn("python3", args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = front;
    let errors = "";
    front.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
    });
    return new Promise((resolve, reject) => {
      createInterface({ input: front.stdout }).once("line", (port) => resolve(Number(port)));
      front.once("close", () => reject(new Error(`the TLS terminator ended: ${errors.trim()}`)));
    });
  }

  async stop(): Promise<void> {
    const front = this.#process;
    if (front && front.exitCode === null && front.signalCode === null) {
      front.kill("SIGTERM");
      await once(front, "close");
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
