/**
 * A Mosquitto with the settings a test needs, which may be killed and started again on the same port; its own
 * clients `mosquitto_sub` and `mosquitto_pub` judge. Each process is ended by the handle it was started with.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { env, freePort, listening } from "./mqtt-mosquitto.js";

/** As `mosquitto_sub -F %j` tells it, with the payload in hex. */
export interface Judged {
  readonly topic: string;
  readonly qos: number;
  readonly retain: number;
  readonly payload: string;
  readonly properties?: Readonly<Record<string, unknown>>;
}

export class Broker {
  readonly folder = mkdtempSync(join(tmpdir(), "dormouse-broker-"));
  readonly #children: ChildProcess[] = [];
  readonly #watchers = new Set<() => void>();
  #broker: ChildProcess | undefined;
  #judges = 0;
  /** Also when the tests are broken off. */
  readonly #leave = () => {
    this.#broker?.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  };
  log = "";
  port = 0;

  constructor() {
    process.once("exit", this.#leave);
  }

  /** @param settings lines of mosquitto.conf besides the listener */
  async start(settings: readonly string[] = ["allow_anonymous true"]): Promise<void> {
    this.port ||= await freePort();
    const lines = [
      `user ${userInfo().username}`,
      "log_type all",
      `listener ${this.port} 127.0.0.1`,
      ...settings,
    ];
    this.file("mosquitto.conf", `${lines.join("\n")}\n`);
    this.log = "";
    const broker = spawn("mosquitto", ["-c", join(this.folder, "mosquitto.conf")], {
      env,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#broker = broker;
    broker.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.log += text;
      for (const watch of [...this.#watchers]) watch();
    });
    await listening(this.port, broker, () => this.log);
  }

  /** Sessions and messages on disk after each change. @see persisted */
  get persistence(): string[] {
    return [
      "persistence true",
      `persistence_location ${this.folder}/`,
      "autosave_on_changes true",
      "autosave_interval 1",
    ];
  }

  /** Everything that was sent to the broker by now is on disk. */
  async persisted(): Promise<void> {
    // Mosquitto reads a packet at a time from each connection: with this one it has read them all.
    await this.pub("-t", "persisted", "-q", "1", "-m", "");
    const before = this.#count("Saving in-memory database");
    this.#broker!.kill("SIGUSR1");
    await this.#when(() => this.#count("Saving in-memory database") > before);
    // The line comes before the work: the next answer, after it.
    await this.pub("-t", "persisted", "-q", "1", "-m", "");
  }

  /** As a power failure ends it. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const broker = this.#broker;
    this.#broker = undefined;
    if (!broker || broker.exitCode !== null || broker.signalCode !== null) return;
    broker.kill(signal);
    await once(broker, "close");
  }

  async stop(): Promise<void> {
    for (const child of this.#children)
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGTERM");
        await once(child, "close");
      }
    await this.#end("SIGTERM");
    process.removeListener("exit", this.#leave);
    this.#leave();
  }

  /** @returns its path */
  file(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  /** Passwords by user name, as `mosquitto_passwd` hashes them. @returns the file's path */
  passwords(users: Readonly<Record<string, string>>): string {
    const lines = Object.entries(users).map(([name, word]) => `${name}:${word}\n`);
    const path = this.file("passwords", lines.join(""));
    const { status, stderr } = spawnSync("mosquitto_passwd", ["-U", path], { env });
    if (status !== 0) throw new Error(`mosquitto_passwd: ${stderr}`);
    return path;
  }

  /** `mosquitto_pub`, to its end; fails when that is bad. */
  async pub(...args: string[]): Promise<void> {
    await this.#client("mosquitto_pub", args);
  }

  /** `mosquitto_sub`, subscribed; `count` messages end it, or `withinSeconds`. */
  async sub(
    args: readonly string[],
    count: number,
    withinSeconds = 10,
  ): Promise<{ messages: Promise<Judged[]> }> {
    const id = `judge-${++this.#judges}`;
    const own = args.includes("-i") ? [] : ["-i", id];
    const name = own[1] ?? args[args.indexOf("-i") + 1]!;
    const before = this.#count(`Sending SUBACK to ${name}\n`);
    const limits = ["-C", `${count}`, "-W", `${withinSeconds}`];
    const sub = this.#client("mosquitto_sub", [...own, ...args, ...limits, "-F", '{"hex":"%x","all":%j}']);
    const messages = sub.then((text) =>
      text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => {
          const { hex, all } = JSON.parse(line) as { hex: string; all: Judged };
          return { ...all, payload: hex };
        }),
    );
    messages.catch(() => {});
    // Its own output comes late through a pipe: the broker's log tells when it is subscribed.
    await this.inLog(`Sending SUBACK to ${name}\n`, before + 1);
    return { messages };
  }

  async #client(command: string, args: readonly string[]): Promise<string> {
    const child = spawn(command, ["-h", "127.0.0.1", "-p", `${this.port}`, ...args], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#children.push(child);
    let text = "";
    let problems = "";
    child.stdout.setEncoding("utf8").on("data", (data: string) => {
      text += data;
    });
    child.stderr.setEncoding("utf8").on("data", (data: string) => {
      problems += data;
    });
    const [code] = (await once(child, "close")) as [number | null];
    // 27: mosquitto_sub's time is over.
    if (code !== 0 && code !== 27) throw new Error(`${command} ${args.join(" ")}: ${code} ${problems}`);
    return text;
  }

  /** The broker has said so, so many times. */
  async inLog(text: string, times = 1): Promise<void> {
    await this.#when(() => this.#count(text) >= times, text);
  }

  #count(text: string): number {
    return this.log.split(text).length - 1;
  }

  #when(there: () => boolean, what = "change"): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: Error) => {
        clearTimeout(timer);
        this.#watchers.delete(watch);
        if (error) reject(error);
        else resolve();
      };
      const watch = () => {
        if (there()) settle();
      };
      const timer = setTimeout(
        () => settle(new Error(`the broker's log has no ${what}: ${this.log}`)),
        10_000,
      );
      this.#watchers.add(watch);
      watch();
    });
  }
}
