/** `dormouse sim --unprovisioned` as a process of its own, with its port in a folder of the test's. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build, root } from "../../host-sim/paths.js";
import type { RunEvent } from "../../host-sim/report/events.js";

export class SimulatedBoard {
  /** `sim:NAME`, for whoever has `folder` as TMPDIR. */
  readonly port: string;
  readonly folder: string;
  readonly events: RunEvent[] = [];
  /** Everything that it says beside its events. */
  readonly notes: string[] = [];
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #waiting = new Set<() => void>();
  readonly #ended: Promise<number | null>;

  private constructor(words: readonly string[], env: NodeJS.ProcessEnv) {
    this.folder = mkdtempSync(join(tmpdir(), "dormouse-board-"));
    this.port = "sim:bench";
    this.#process = spawn(
      process.execPath,
      [join(build, "js/cli/main.js"), "sim", "--unprovisioned", "--name", "bench", "--json", ...words],
      { cwd: root, env: { ...process.env, ...env, TMPDIR: this.folder } },
    );
    createInterface({ input: this.#process.stdout }).on("line", (line) => {
      this.events.push(JSON.parse(line));
      this.#look();
    });
    createInterface({ input: this.#process.stderr }).on("line", (line) => {
      this.notes.push(line);
      this.#look();
    });
    this.#ended = once(this.#process, "close").then(([code]) => {
      this.#look();
      return code as number | null;
    });
  }

  /** @param words further flags of `dormouse sim --unprovisioned` */
  static async start(words: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<SimulatedBoard> {
    const board = new SimulatedBoard(words, env);
    try {
      await board.until(() => board.notes.some((line) => line.includes("waits at")), "it waits");
    } catch (error) {
      await board.stop();
      throw error;
    }
    return board;
  }

  /** Words for its standard input: reset, button, unplug, plug, quit. */
  say(word: string): void {
    this.#process.stdin.write(`${word}\n`);
  }

  /** @throws {Error} with what it said, when it ends before, or does not come to it within 20 s */
  until(isSo: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (act: () => void) => {
        this.#waiting.delete(look);
        clearTimeout(timer);
        act();
      };
      const fail = () => reject(new Error(`not: ${what}\n${this.notes.join("\n")}`));
      const look = () => {
        if (isSo()) end(resolve);
        else if (this.#process.exitCode !== null) end(fail);
      };
      const timer = setTimeout(() => end(fail), 20_000);
      this.#waiting.add(look);
      look();
    });
  }

  /** @returns its exit code */
  get ended(): Promise<number | null> {
    return this.#ended;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null) this.#process.kill("SIGTERM");
    await this.#ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  #look(): void {
    for (const look of [...this.#waiting]) look();
  }
}
