/**
 * A Mosquitto with two WebSocket listeners, plain and TLS, and one without WebSocket for the judge (Mosquitto 2.0
 * does not start without). Ended by the handle it was started with.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { env, freePort, listening } from "./mqtt-mosquitto.js";

export class WebSocketMosquitto {
  readonly #folder = mkdtempSync(join(tmpdir(), "dormouse-websocket-"));
  #broker: ChildProcess | undefined;
  #log = "";
  /** Without TLS and WebSocket. */
  openPort = 0;
  plainPort = 0;
  tlsPort = 0;

  async start({ chainPem, keyPem }: { readonly chainPem: string; readonly keyPem: string }): Promise<void> {
    this.openPort = await freePort();
    this.plainPort = await freePort();
    this.tlsPort = await freePort();
    const file = (name: string, text: string) => {
      const path = join(this.#folder, name);
      writeFileSync(path, text, { mode: 0o600 });
      return path;
    };
    const config = [
      `user ${userInfo().username}`,
      "log_type all",
      "allow_anonymous true",
      `listener ${this.openPort} 127.0.0.1`,
      `listener ${this.plainPort} 127.0.0.1`,
      "protocol websockets",
      `listener ${this.tlsPort} 127.0.0.1`,
      "protocol websockets",
      `certfile ${file("chain.pem", chainPem)}`,
      `keyfile ${file("key.pem", keyPem)}`,
      "",
    ];
    const broker = spawn("mosquitto", ["-c", file("mosquitto.conf", config.join("\n"))], {
      env,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#broker = broker;
    broker.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#log += text;
    });
    for (const port of [this.openPort, this.plainPort, this.tlsPort])
      await listening(port, broker, () => this.#log);
  }

  async stop(): Promise<void> {
    const broker = this.#broker;
    if (broker && broker.exitCode === null && broker.signalCode === null) {
      broker.kill("SIGTERM");
      await once(broker, "close");
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
