/** Mosquitto for receivers: plain on loopback, keeps its sessions through being killed, and says when a client is subscribed. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { env, freePort, listening } from "../e2e/mqtt-mosquitto.js";
import { mosquittoClient, type Running, type Setting, startDormouse } from "./mqtt-command.js";

export class ReceiverBroker {
  readonly folder = mkdtempSync(join(tmpdir(), "dormouse-receiver-"));
  port = 0;
  #process: ChildProcess | undefined;
  #log = "";
  /** Who waits for more of it. */
  #waiting: (() => void)[] = [];
  readonly #settings: readonly string[];

  /** @param settings more lines of its configuration */
  constructor(...settings: readonly string[]) {
    this.#settings = settings;
  }

  async start(): Promise<void> {
    this.port ||= await freePort();
    this.file(
      "mosquitto.conf",
      [
        `user ${userInfo().username}`,
        "log_type all",
        `listener ${this.port} 127.0.0.1`,
        "allow_anonymous true",
        "max_queued_messages 10000",
        "persistence true",
        `persistence_location ${this.folder}/`,
        ...this.#settings,
        "",
      ].join("\n"),
    );
    const broker = spawn("mosquitto", ["-c", join(this.folder, "mosquitto.conf")], {
      env,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#process = broker;
    broker.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#log += text;
      for (const tell of this.#waiting.splice(0)) tell();
    });
    await listening(this.port, broker, () => this.#log);
  }

  /** @returns its path */
  file(name: string, text: string | Uint8Array, mode = 0o600): string {
    const path = join(this.folder, name);
    writeFileSync(path, text, { mode });
    return path;
  }

  get logLength(): number {
    return this.#log.length;
  }

  logSince(length: number): string {
    return this.#log.slice(length);
  }

  /** Waits until the log has it, from `since` on, at most 20 s. */
  async logged(text: string, since = 0): Promise<void> {
    const late = new Promise<true>((resolve) => setTimeout(resolve, 20_000, true).unref());
    while (!this.#log.includes(text, since)) {
      const more = new Promise<false>((resolve) => {
        this.#waiting.push(() => resolve(false));
      });
      if (await Promise.race([more, late])) throw new Error(`not in the log: ${text}\n${this.#log}`);
    }
  }

  /** A receiver that is subscribed. */
  async receiver(words: readonly string[], id: string, setting: Setting = {}): Promise<Running> {
    const since = this.logLength;
    const running = this.again(words, id, setting);
    await this.logged(`Sending SUBACK to ${id}`, since);
    return running;
  }

  /** One that has its subscriptions from before. */
  again(words: readonly string[], id: string, setting: Setting = {}): Running {
    return startDormouse([...words, "-p", `${this.port}`, "-i", id], { input: "", ...setting });
  }

  async publish(topic: string, payload: Uint8Array, ...words: readonly string[]): Promise<void> {
    const to = ["-p", `${this.port}`, "-t", topic, "-q", "1", "-s", ...words];
    const { code, stderr } = await mosquittoClient("pub", to, { input: payload }).ended;
    if (code !== 0) throw new Error(stderr);
  }

  /** From now on being killed loses nothing of what it has. */
  async save(): Promise<void> {
    const since = this.logLength;
    this.#process!.kill("SIGUSR1");
    await this.logged("Saving in-memory database", since);
    // The log comes before the file.
    while (!this.#isSaved(since)) await this.publish("saved", Buffer.from("x"));
  }

  /** Mosquitto does one thing after the other. */
  #isSaved(since: number): boolean {
    return this.#log.indexOf("Received PUBLISH", this.#log.indexOf("Saving in-memory", since)) > 0;
  }

  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const broker = this.#process;
    if (!broker || broker.exitCode !== null || broker.signalCode !== null) return;
    broker.kill(signal);
    await once(broker, "close");
  }

  async stop(): Promise<void> {
    await this.end("SIGTERM");
    rmSync(this.folder, { recursive: true, force: true });
  }
}
