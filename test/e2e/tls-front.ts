/**
 * `openssl s_server` as the TLS in front of a broker without: for what Mosquitto and Node.js do not do with tickets.
 * It serves one connection after the other, and its standard input and output are the plain side.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { freePort, listening } from "./mqtt-mosquitto.js";
import type { ServerCertificate } from "./tls-mosquitto.js";

export class OpensslFront {
  readonly #brokerPort: number;
  readonly #gate = createServer((device) => {
    this.#idle = this.#idle.then(() => this.#pass(device));
  });
  /** What the connection before has said in clear must not come into the next one. */
  #idle: Promise<void> = Promise.resolve();
  #server: ChildProcessByStdio<Writable, Readable, Readable> | undefined;
  #broker: Socket | undefined;
  #port = 0;
  /** What came from the device in the last connection, as it was on the wire. */
  wire = Buffer.alloc(0);
  /** Keeps from the device what the server says until the server has passed on the device's first plain bytes. */
  silent = false;
  #release = () => {};

  constructor(brokerPort: number) {
    this.#brokerPort = brokerPort;
  }

  /** @param flags of s_server */
  async start(folder: string, { chainPem, keyPem }: ServerCertificate, flags: string[]): Promise<number> {
    const [chain, key] = [join(folder, "front.pem"), join(folder, "front.key")];
    writeFileSync(chain, chainPem);
    writeFileSync(key, keyPem, { mode: 0o600 });
    this.#port = await freePort();
    const files = ["-cert", chain, "-cert_chain", chain, "-key", key];
    const args = ["s_server", "-accept", `127.0.0.1:${this.#port}`, ...files, "-quiet", ...flags];
    const server = spawn("openssl", args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#server = server;
    let errors = "";
    server.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
    });
    server.stdin.on("error", () => {});
    server.stdout.on("data", (bytes) => {
      this.#release();
      this.#broker?.write(bytes);
    });
    await listening(this.#port, server, () => errors);
    this.#gate.listen(0, "127.0.0.1");
    await once(this.#gate, "listening");
    return (this.#gate.address() as { port: number }).port;
  }

  /** @returns when the connection is over, and all of it has gone to the broker */
  #pass(device: Socket): Promise<void> {
    const broker = connect(this.#brokerPort, "127.0.0.1");
    const server = connect(this.#port, "127.0.0.1");
    this.#broker = broker;
    for (const socket of [device, broker, server]) socket.on("error", () => {});
    broker.on("data", (bytes) => this.#server?.stdin.write(bytes));
    device.pipe(server);
    this.wire = Buffer.alloc(0);
    device.on("data", (bytes: Buffer) => {
      this.wire = Buffer.concat([this.wire, bytes]);
    });
    const held: Buffer[] = [];
    let open = !this.silent;
    server.on("data", (bytes) => {
      if (open) device.write(bytes);
      else held.push(bytes);
    });
    this.#release = () => {
      if (!open) device.write(Buffer.concat(held));
      open = true;
    };
    server.on("close", () => device.end());
    device.on("close", () => {
      server.end();
      broker.end();
    });
    // What the server printed before it closed can be read by then.
    return new Promise((resolve) => server.once("close", () => setTimeout(resolve, 10)));
  }

  async stop(): Promise<void> {
    this.#gate.close();
    this.#broker?.destroy();
    const server = this.#server;
    if (!server || server.exitCode !== null) return;
    server.kill("SIGKILL");
    await once(server, "close");
  }
}
