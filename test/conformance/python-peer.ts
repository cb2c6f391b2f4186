/** Python with examples/receive.py, as a process that makes and opens messages for as long as it is asked to. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { pythonWithCbor } from "./python.js";
import { projectRoot } from "./shared.js";

export const examples = join(projectRoot, "examples");

/** What the example needs beside cbor2. */
export const withoutPythonReceiver: string | false =
  (pythonWithCbor === undefined ||
    spawnSync(pythonWithCbor, ["-c", "import paho.mqtt.client, cryptography"]).status !== 0) &&
  "left out: no python3 with paho.mqtt, cbor2 and cryptography (Debian: apt-get install python3-paho-mqtt python3-cbor2 python3-cryptography)";

/** It has no state but what it imported, so one that falls silent is replaced, once, and said so. */
export class PythonPeer {
  #child = new Child();
  readonly #answerWithinMs: number;

  constructor(answerWithinMs = 60_000) {
    this.#answerWithinMs = answerWithinMs;
  }

  /** @returns an answer for each order */
  async ask<Answer>(orders: readonly unknown[]): Promise<Answer[]> {
    const line = JSON.stringify(orders);
    let answer = await this.#child.ask(line, this.#answerWithinMs);
    if (answer === undefined) {
      console.error(`Python has fallen silent over ${line.length} characters: ${this.#child.state()}`);
      await this.#child.kill();
      this.#child = new Child();
      answer = await this.#child.ask(line, this.#answerWithinMs);
    }
    if (answer === undefined) throw new Error("Python does not answer");
    return JSON.parse(answer);
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }
}

class Child {
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  readonly #ended: Promise<never>;
  #received = 0;

  constructor() {
    const script = join(projectRoot, "test/conformance/agreement.py");
    this.#process = spawn(pythonWithCbor!, ["-B", script, examples], { stdio: ["pipe", "pipe", "inherit"] });
    this.#process.stdout!.on("data", (data: Buffer) => {
      this.#received += data.length;
    });
    this.#lines = createInterface({ input: this.#process.stdout! });
    this.#ended = once(this.#process, "close").then(() => {
      throw new Error("Python ended without an answer");
    });
    this.#ended.catch(() => {});
  }

  /** Undefined: no answer in this time. */
  async ask(line: string, withinMs: number): Promise<string | undefined> {
    const given = new AbortController();
    const answer = once(this.#lines, "line", { signal: given.signal }) as Promise<[string]>;
    answer.catch(() => {});
    const late = delay(withinMs, [undefined] as const, { signal: given.signal });
    late.catch(() => {});
    this.#process.stdin!.write(`${line}\n`);
    try {
      const [answered] = await Promise.race([answer, late, this.#ended]);
      return answered;
    } finally {
      given.abort();
    }
  }

  /** For whoever looks why it is silent. */
  state(): string {
    const { pid, stdin } = this.#process;
    const status = spawnSync("grep", ["-h", "State", `/proc/${pid}/status`])
      .stdout?.toString()
      .trim();
    return `pid ${pid}, ${status}, ${stdin!.writableLength} bytes not yet written, ${this.#received} received`;
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended.catch(() => {});
  }

  async stop(): Promise<void> {
    this.#process.stdin!.end();
    await this.#ended.catch(() => {});
  }
}
