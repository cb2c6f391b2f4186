/**
 * A Mosquitto of the test's own on free loopback ports: one listener with passwords and an access list, one
 * open, for the independent receiver `mosquitto_sub`. Each process is ended by the handle it was started with.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

// Debian keeps the broker where only root's PATH looks.
export const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` };

/** What to say when Mosquitto is not there; undefined when it is. In CI its absence fails the tests. */
export function mosquittoMissing(): string | undefined {
  for (const tool of ["mosquitto", "mosquitto_sub", "mosquitto_passwd"])
    if (spawnSync(tool, ["-h"], { env }).error) {
      const text = `${tool} is missing: install Mosquitto (Debian: apt install mosquitto mosquitto-clients)`;
      if (process.env.CI) throw new Error(text);
      return text;
    }
  return undefined;
}

export interface Received {
  readonly topic: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly payloadHex: string;
}

export class Mosquitto {
  readonly #folder = mkdtempSync(join(tmpdir(), "dormouse-mosquitto-"));
  readonly #children: ChildProcess[] = [];
  #log = "";
  #logged = () => {};
  #receivers = 0;
  /** With user name and password. */
  port = 0;
  openPort = 0;
  /** Open, over TLS. */
  tlsPort = 0;

  /**
   * @param users passwords by user name; each may write to `ok/#` and nowhere else
   * @param tls PEM of the server's chain and key, for a listener with TLS
   */
  async start(
    users: Readonly<Record<string, string>>,
    tls?: { readonly chainPem: string; readonly keyPem: string },
  ): Promise<void> {
    this.port = await freePort();
    this.openPort = await freePort();
    if (tls) this.tlsPort = await freePort();
    const file = (name: string, text: string) => {
      const path = join(this.#folder, name);
      writeFileSync(path, text, { mode: 0o600 });
      return path;
    };
    const passwords = file(
      "passwords",
      Object.entries(users)
        .map(([name, word]) => `${name}:${word}\n`)
        .join(""),
    );
    const hashed = spawnSync("mosquitto_passwd", ["-U", passwords], { env });
    if (hashed.status !== 0) throw new Error(`mosquitto_passwd: ${hashed.stderr}`);
    chmodSync(passwords, 0o600);
    const acl = file(
      "acl",
      Object.keys(users)
        .map((name) => `user ${name}\ntopic write ok/#\n`)
        .join("\n"),
    );
    const config = file(
      "mosquitto.conf",
      [
        `user ${userInfo().username}`,
        "log_type all",
        "per_listener_settings true",
        `listener ${this.port} 127.0.0.1`,
        "allow_anonymous false",
        `password_file ${passwords}`,
        `acl_file ${acl}`,
        `listener ${this.openPort} 127.0.0.1`,
        "allow_anonymous true",
        ...(tls
          ? [
              `listener ${this.tlsPort} 127.0.0.1`,
              "allow_anonymous true",
              `certfile ${file("chain.pem", tls.chainPem)}`,
              `keyfile ${file("key.pem", tls.keyPem)}`,
            ]
          : []),
        "",
      ].join("\n"),
    );
    const broker = this.#spawn("mosquitto", ["-c", config]);
    broker.stderr?.on("data", (data) => {
      this.#log += data;
      this.#logged();
    });
    for (const port of [this.port, this.openPort]) await listening(port, broker, () => this.#log);
  }

  /** Subscribes; the promise in the result gives the next `count` messages. */
  async subscribe(filter: string, count: number): Promise<{ messages: Promise<Received[]> }> {
    const id = `receiver-${++this.#receivers}`;
    const args = ["-h", "127.0.0.1", "-p", `${this.openPort}`, "-i", id, "-t", filter, "-q", "1"];
    const sub = this.#spawn("mosquitto_sub", [...args, "-C", `${count}`, "-W", "10", "-F", "%q %r %x %t"]);
    let text = "";
    sub.stdout?.on("data", (data) => {
      text += data;
    });
    const messages = once(sub, "close").then(() =>
      [...text.matchAll(/^(\d) (\d) (\S*) (.*)$/gm)].map(([, qos, retain, payloadHex, topic]) => ({
        topic: topic!,
        qos: Number(qos),
        retain: retain === "1",
        payloadHex: payloadHex!.toLowerCase(),
      })),
    );
    // Its own output comes late through a pipe: the broker's log tells when it is subscribed.
    await this.#inLog(`Sending SUBACK to ${id}`);
    return { messages };
  }

  async #inLog(text: string): Promise<void> {
    while (!this.#log.includes(text))
      await new Promise<void>((resolve) => {
        this.#logged = resolve;
      });
  }

  async stop(): Promise<void> {
    for (const child of this.#children)
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGTERM");
        await once(child, "close");
      }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #spawn(command: string, args: readonly string[]): ChildProcess {
    const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    this.#children.push(child);
    return child;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

export async function listening(port: number, broker: ChildProcess, log: () => string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (broker.exitCode !== null) throw new Error(`Mosquitto ended: ${log()}`);
    const socket = connect(port, "127.0.0.1");
    const open = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`Mosquitto does not listen on ${port}: ${log()}`);
}
