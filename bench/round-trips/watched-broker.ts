/**
 * Mosquitto with TLS 1.3 and nothing older, and a plain listener for what terminates TLS before it. Its log tells when
 * it sends a client PUBACK, and when it has the client's DISCONNECT.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { env, freePort, listening } from "../../test/e2e/mqtt-mosquitto.js";
import type { ServerCertificate } from "../../test/e2e/tls-mosquitto.js";

export type Deed = "Sending PUBACK to" | "Received DISCONNECT from";

export class WatchedBroker {
  readonly #folder = mkdtempSync(join(tmpdir(), "dormouse-watched-"));
  /** Told at once, by client identifier. */
  readonly watchers = new Map<string, (deed: Deed) => void>();
  #process: ChildProcess | undefined;
  tlsPort = 0;
  plainPort = 0;

  async start({ chainPem, keyPem }: ServerCertificate): Promise<void> {
    this.tlsPort = await freePort();
    this.plainPort = await freePort();
    const config = [
      `user ${userInfo().username}`,
      "log_type all",
      "allow_anonymous true",
      "set_tcp_nodelay true",
      `listener ${this.plainPort} 127.0.0.1`,
      `listener ${this.tlsPort} 127.0.0.1`,
      "tls_version tlsv1.3",
      `certfile ${this.#file("chain.pem", chainPem)}`,
      `keyfile ${this.#file("key.pem", keyPem)}`,
      "",
    ];
    const broker = spawn("mosquitto", ["-c", this.#file("mosquitto.conf", config.join("\n"))], {
      env,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#process = broker;
    let log = "";
    createInterface({ input: broker.stderr }).on("line", (line) => {
      log += `${line}\n`;
      const [, deed, clientId] = /: (Sending PUBACK to|Received DISCONNECT from) (\S+)/.exec(line) ?? [];
      if (clientId !== undefined) this.watchers.get(clientId)?.(deed as Deed);
    });
    for (const port of [this.tlsPort, this.plainPort]) await listening(port, broker, () => log);
  }

  #file(name: string, text: string): string {
    const path = join(this.#folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  async stop(): Promise<void> {
    const broker = this.#process;
    if (broker && broker.exitCode === null && broker.signalCode === null) {
      broker.kill("SIGTERM");
      await once(broker, "close");
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
