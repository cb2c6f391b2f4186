/** Python with examples/receive.py, as a process that makes and opens messages for as long as it is asked to. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { pythonWithCbor } from "./python.js";
import { projectRoot } from "./shared.js";

export const examples = join(projectRoot, "examples");

/** What the example needs beside cbor2. */
export const withoutPythonReceiver: string | false =
  (pythonWithCbor === undefined ||
    spawnSync(pythonWithCbor, ["-c", "import paho.mqtt.client, cryptography"]).status !== 0) &&
  "left out: no python3 with paho.mqtt, cbor2 and cryptography (Debian: apt-get install python3-paho-mqtt python3-cbor2 python3-cryptography)";

export class PythonPeer {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #ended: Promise<[]>;

  constructor() {
    const script = join(projectRoot, "test/conformance/agreement.py");
    this.#child = spawn(pythonWithCbor!, ["-B", script, examples], { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#child.stdout! });
    this.#ended = once(this.#child, "close").then(() => []);
  }

  /** @returns an answer for each order */
  async ask<Answer>(orders: readonly unknown[]): Promise<Answer[]> {
    const answered = Promise.race([once(this.#lines, "line"), this.#ended]);
    this.#child.stdin!.write(`${JSON.stringify(orders)}\n`);
    const [line] = await answered;
    if (line === undefined) throw new Error("Python ended without an answer");
    return JSON.parse(line);
  }

  async stop(): Promise<void> {
    this.#child.stdin!.end();
    await this.#ended;
  }
}
