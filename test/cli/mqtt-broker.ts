/**
 * A Mosquitto with a listener for each way a client can come in: open, by password, over TLS, with a client
 * certificate, by PSK, over WebSocket with and without TLS. Its log tells when a client is where a test wants it.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { env, freePort, listening } from "../e2e/mqtt-mosquitto.js";
import { type Certificate, clientAuth, TestCA } from "../native/pki.js";

const listeners = ["open", "password", "tls", "tlsPassword", "certificate", "psk", "ws", "wss"] as const;
type Listener = (typeof listeners)[number];

export const user = { name: "ada", password: "correct horse" };
const acl = "topic readwrite #\ntopic deny forbidden/#\n";
export const psk = { identity: "loom", key: "00112233445566778899aabbccddeeff" };

export class ClientBroker {
  readonly folder = mkdtempSync(join(tmpdir(), "dormouse-client-"));
  readonly ports = {} as Record<Listener, number>;
  readonly ca = new TestCA(this.folder, "ca");
  /** For localhost and 127.0.0.1. */
  readonly server: Certificate = this.ca.issue("server");
  readonly client: Certificate = this.ca.issue("client", { subject: "/CN=ada", extensions: clientAuth });
  #process: ChildProcess | undefined;
  #log = "";
  #logged = () => {};

  async start(): Promise<void> {
    for (const name of listeners) this.ports[name] = await freePort();
    const passwords = this.file("passwords", `${user.name}:${user.password}\n`);
    const hashed = spawnSync("mosquitto_passwd", ["-U", passwords], { env });
    if (hashed.status !== 0) throw new Error(`mosquitto_passwd: ${hashed.stderr}`);
    chmodSync(passwords, 0o600);
    const tls = [`certfile ${this.server.certificate}`, `keyfile ${this.server.key}`];
    const byPassword = ["allow_anonymous false", `password_file ${passwords}`];
    const settings: Record<Listener, readonly string[]> = {
      open: [],
      password: byPassword,
      tls,
      tlsPassword: [...tls, ...byPassword],
      certificate: [...tls, `cafile ${this.ca.certificate}`, "require_certificate true"],
      psk: ["psk_hint x", `psk_file ${this.file("keys", `${psk.identity}:${psk.key}\n`)}`],
      ws: ["protocol websockets"],
      wss: ["protocol websockets", ...tls],
    };
    const lines = [`user ${userInfo().username}`, "log_type all", "per_listener_settings true"];
    for (const name of listeners) {
      lines.push(`listener ${this.ports[name]} 127.0.0.1`, ...settings[name]);
      if (!settings[name].includes("allow_anonymous false")) lines.push("allow_anonymous true");
      // Whoever is in may do anything but this; only MQTT 5 is told so.
      lines.push(`acl_file ${this.file("acl", `${acl}user ${user.name}\n${acl}`)}`);
    }
    this.file("mosquitto.conf", `${lines.join("\n")}\n`);
    await this.#run();
  }

  /** @returns its path */
  file(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  async #run(): Promise<void> {
    const broker = spawn("mosquitto", ["-c", join(this.folder, "mosquitto.conf")], {
      env,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#process = broker;
    broker.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#log += text;
      this.#logged();
    });
    await listening(this.ports.open, broker, () => this.#log);
  }

  /** Waits until the log has it, from `since` on, at most 20 s. @returns the log's length */
  async logged(text: string, since = 0): Promise<number> {
    const late = new Promise<true>((resolve) => setTimeout(resolve, 20_000, true).unref());
    while (!this.#log.includes(text, since)) {
      const more = new Promise<false>((resolve) => {
        this.#logged = () => resolve(false);
      });
      if (await Promise.race([more, late])) throw new Error(`not in the log: ${text}\n${this.#log}`);
    }
    return this.#log.length;
  }

  get logLength(): number {
    return this.#log.length;
  }

  logSince(length: number): string {
    return this.#log.slice(length);
  }

  /** The same ports, and nothing left of any session. */
  async restart(): Promise<void> {
    await this.#end();
    await this.#run();
  }

  async #end(): Promise<void> {
    const broker = this.#process;
    if (!broker || broker.exitCode !== null || broker.signalCode !== null) return;
    broker.kill("SIGTERM");
    await once(broker, "close");
  }

  async stop(): Promise<void> {
    await this.#end();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
