/** examples/receive.py as a process: what it prints, line by line. Ended by the handle it was started with. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { pythonWithCbor } from "../conformance/python.js";
import { examples } from "../conformance/python-peer.js";
import type { Broker } from "./mqtt-broker.js";

const script = join(examples, "receive.py");

function python(args: readonly string[]): ChildProcess {
  return spawn(pythonWithCbor!, ["-B", script, ...args], { stdio: ["ignore", "pipe", "pipe"] });
}

/** Runs it to an end that it finds by itself. */
export async function pythonRun(args: readonly string[]) {
  const child = python(args);
  let output = "";
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
  const [code] = (await once(child, "close")) as [number | null];
  clearTimeout(timer);
  return { code, output };
}

export class PythonReceiver {
  readonly #child: ChildProcess;
  #waiting = () => {};
  #unfinished = "";
  readonly lines: string[] = [];
  problems = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      const parts = (this.#unfinished + text).split("\n");
      this.#unfinished = parts.pop()!;
      this.lines.push(...parts);
      this.#waiting();
    });
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.problems += text;
    });
    child.on("close", () => this.#waiting());
  }

  /** Subscribed when this is done. @param args keyring, replay file, broker, topic, CA */
  static async start(broker: Broker, args: readonly string[]): Promise<PythonReceiver> {
    const before = broker.log.split("Sending SUBACK to ").length - 1;
    const receiver = new PythonReceiver(python(args));
    await broker.inLog("Sending SUBACK to ", before + 1);
    return receiver;
  }

  async until(count: number): Promise<readonly string[]> {
    while (this.lines.length < count) {
      if (this.#child.exitCode !== null) throw new Error(`it ended: ${this.problems}`);
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
    return this.lines;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGTERM");
    await once(this.#child, "close");
  }
}
