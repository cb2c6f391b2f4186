/**
 * A TCP relay before a broker that knows MQTT's packets, as mqtt-packet reads them: it records them in order, and
 * loses what a test chooses.
 */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import mqttPacket, { type Packet } from "mqtt-packet";
import type { ServerCertificate } from "./tls-mosquitto.js";

export interface Passing {
  readonly from: "client" | "broker";
  /** Counts from 0. */
  readonly connection: number;
  readonly packet: Packet;
}

export class Relay {
  readonly #version: 4 | 5;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #connections = 0;
  #lost = () => {};
  /** Where connections lead from now on. */
  target: number;
  port = 0;
  /** Whatever was sent, lost or not. */
  readonly passed: Passing[] = [];
  /** From this packet on the connection loses what that side says; it stands otherwise. */
  loses: (passing: Passing) => boolean = () => false;
  /** This packet alone is lost. */
  drops: (passing: Passing) => boolean = () => false;
  /** At this packet, which does not pass, the connection ends; the client is told these bytes before. */
  breaks: (passing: Passing) => Uint8Array | undefined = () => undefined;

  private constructor(target: number, version: 4 | 5, certificate: ServerCertificate | undefined) {
    this.target = target;
    this.#version = version;
    const pass = (client: Socket) => this.#pass(client);
    this.#server = certificate
      ? createTlsServer({ cert: certificate.chainPem, key: certificate.keyPem }, pass)
      : createServer(pass);
  }

  /**
   * Stands until the test ends.
   * @param certificate for clients that come over TLS; the broker is always reached without
   */
  static async open(
    t: TestContext,
    target: number,
    version: 4 | 5 = 5,
    certificate?: ServerCertificate,
  ): Promise<Relay> {
    const relay = new Relay(target, version, certificate);
    relay.#server.listen(0, "127.0.0.1");
    await once(relay.#server, "listening");
    relay.port = (relay.#server.address() as { port: number }).port;
    t.after(() => relay.#stop());
    return relay;
  }

  /** Resolves when `loses` has said so. */
  losing(loses: (passing: Passing) => boolean): Promise<void> {
    this.loses = loses;
    return new Promise((resolve) => {
      this.#lost = resolve;
    });
  }

  /** What was sent on one connection, e.g. "connect", "connack", "publish 1 dup". */
  script(connection: number): string[] {
    return this.passed
      .filter((one) => one.connection === connection)
      .map(({ packet }) => {
        const dup = "dup" in packet && packet.dup ? " dup" : "";
        const qos = packet.cmd === "publish" ? ` ${packet.qos}` : "";
        return `${packet.cmd}${qos}${dup}`;
      });
  }

  #pass(client: Socket): void {
    const connection = this.#connections++;
    const broker = connect(this.target, "127.0.0.1");
    let broken = false;
    for (const [source, other, from] of [
      [client, broker, "client"],
      [broker, client, "broker"],
    ] as const) {
      this.#sockets.add(source);
      source.setNoDelay(true);
      source.on("error", () => {});
      source.on("close", () => {
        this.#sockets.delete(source);
        other.end();
      });
      const packets = new Packets(this.#version);
      let deaf = false;
      source.on("data", (data: Buffer) => {
        for (const { bytes, packet } of packets.add(data)) {
          const passing = { from, connection, packet };
          this.passed.push(passing);
          const lastWord = broken ? undefined : this.breaks(passing);
          if (lastWord) {
            broken = true;
            // In order, so that what each side has said before arrives.
            client.end(lastWord);
            broker.end();
          }
          const lost = !deaf && this.loses(passing);
          deaf ||= lost;
          if (!deaf && !broken && !this.drops(passing)) other.write(bytes);
          if (lost) this.#lost();
        }
      });
    }
  }

  /** All connections break now. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async #stop(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, "close");
  }
}

/** Bytes into whole packets. */
class Packets {
  readonly #version: 4 | 5;
  #rest = Buffer.alloc(0);

  constructor(version: 4 | 5) {
    this.#version = version;
  }

  add(data: Buffer): { readonly bytes: Buffer; readonly packet: Packet }[] {
    this.#rest = Buffer.concat([this.#rest, data]);
    const whole: { bytes: Buffer; packet: Packet }[] = [];
    for (let length = this.#length(); length !== undefined; length = this.#length()) {
      const bytes = this.#rest.subarray(0, length);
      this.#rest = this.#rest.subarray(length);
      whole.push({ bytes, packet: parsed(bytes, this.#version) });
    }
    return whole;
  }

  /** Of the packet at the beginning, when all of it is there. */
  #length(): number | undefined {
    let length = 0;
    for (let at = 1; at < Math.min(5, this.#rest.length); at++) {
      length += (this.#rest[at]! & 0x7f) * 128 ** (at - 1);
      if (this.#rest[at]! >= 0x80) continue;
      return this.#rest.length >= at + 1 + length ? at + 1 + length : undefined;
    }
    return undefined;
  }
}

function parsed(bytes: Buffer, version: 4 | 5): Packet {
  let found: Packet | undefined;
  const parser = mqttPacket.parser({ protocolVersion: version });
  parser.on("packet", (packet) => {
    found = packet;
  });
  parser.on("error", (error) => {
    throw error;
  });
  parser.parse(bytes);
  if (!found) throw new Error(`no MQTT packet: ${bytes.toString("hex")}`);
  return found;
}
