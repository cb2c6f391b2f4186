/**
 * A broker as the standards have it, as small as it can be and with no code of lib: one client's session, and a
 * connection at a time. It throws for whatever a client must not do once it knows what CONNACK granted; what came
 * before that it refuses as a real one would.
 */
import type { Random } from "../device/mqtt-fuzz-random.js";
import {
  ack,
  byte,
  connack,
  disconnect,
  pingresp,
  publish,
  suback,
  two,
} from "../lib/mqtt/conformance/broker-packets.js";
import { look, type Version } from "../lib/mqtt/conformance/brokers-eye.js";

interface Queued {
  readonly number: number;
  readonly qos: 1 | 2;
  packetId: number;
  stage: "waiting" | "sent" | "released";
}

interface Session {
  /** QoS 2 messages of the client's that it has not released, by packet identifier. */
  readonly unreleased: Map<number, number>;
  queue: Queued[];
  nextPacketId: number;
  subscribed: boolean;
}

export interface Granted {
  readonly receiveMaximum: number;
  readonly topicAliasMaximum: number;
  readonly maximumQoS: number;
}

export class ModelBroker {
  session: Session | undefined;
  /** The numbers of the client's messages, as they were handed to subscribers. */
  readonly delivered: number[] = [];
  /** Its own messages that the client has acknowledged for good. */
  readonly finished: number[] = [];
  /** What goes to the client, in hex; undefined when there is no connection. */
  outbox: string[] | undefined;
  granted: Granted = { receiveMaximum: 65535, topicAliasMaximum: 0, maximumQoS: 2 };
  /** Counts the sessions: a new one knows nothing of the last. */
  epoch = 0;
  /** It has said DISCONNECT, and takes nothing more. */
  refusing = false;
  /** Identifiers of PUBLISH at QoS 1 and 2 on this connection, but for those that are finished. */
  readonly #unfinished = new Set<string>();
  /** Acknowledgements that are still to be sent. */
  #owed: string[] = [];
  #aliases = new Map<number, string>();
  #numbers = 0;
  readonly #version: Version;
  readonly #random: Random;

  constructor(version: Version, random: Random) {
    this.#version = version;
    this.#random = random;
  }

  close(): void {
    this.outbox = undefined;
  }

  /** CONNECT is here. @param refuses whether to refuse it @param loses whether the session is lost */
  connect(cleanStart: boolean, refuses: boolean, loses: boolean, granted: Granted): void {
    const version = this.#version;
    this.refusing = refuses;
    if (refuses) {
      this.outbox = [connack(version, { code: version === 5 ? 0x88 : 3 })];
      return;
    }
    if (cleanStart || loses) this.session = undefined;
    const present = this.session !== undefined;
    if (!this.session) {
      this.session = { unreleased: new Map(), queue: [], nextPacketId: 1, subscribed: false };
      this.epoch++;
    }
    this.granted = version === 5 ? granted : { receiveMaximum: 65535, topicAliasMaximum: 0, maximumQoS: 2 };
    this.#unfinished.clear();
    this.#owed = [];
    this.#aliases.clear();
    const { receiveMaximum, topicAliasMaximum, maximumQoS } = this.granted;
    const aliases = topicAliasMaximum > 0 ? `22${two(topicAliasMaximum)}` : "";
    const properties = `21${two(receiveMaximum)}${aliases}${maximumQoS < 2 ? `24${byte(maximumQoS)}` : ""}`;
    this.outbox = [connack(version, { present, properties: version === 5 ? properties : "" })];
    // What was under way goes on, in its order.
    for (const one of this.session.queue)
      if (one.stage === "released") this.outbox.push(ack("pubrel", one.packetId));
      else if (one.stage === "sent") this.#publish(one, true);
  }

  /** @param early sent before the client had CONNACK @throws {Error} for what no client may send */
  receive(bytes: Uint8Array, early: boolean): void {
    const { session } = this;
    if (!session || !this.outbox || this.refusing) return;
    const { name, line, packetId } = look(bytes, this.#version);
    switch (name) {
      case "PUBLISH":
        return this.#published(line, packetId, early, session);
      case "PUBREL":
        session.unreleased.delete(packetId);
        this.#owed.push(ack("pubcomp", packetId));
        return;
      case "PUBACK":
      case "PUBCOMP": {
        const done = session.queue.find((one) => one.packetId === packetId && one.stage !== "waiting");
        if (!done) return;
        this.finished.push(done.number);
        session.queue = session.queue.filter((one) => one !== done);
        return;
      }
      case "PUBREC": {
        const one = session.queue.find(
          (queued) => queued.packetId === packetId && queued.stage !== "waiting",
        );
        if (one) one.stage = "released";
        this.outbox.push(ack("pubrel", packetId));
        return;
      }
      case "SUBSCRIBE":
        session.subscribed = true;
        this.outbox.push(suback(this.#version, packetId, 2));
        return;
      case "PINGREQ":
        this.outbox.push(pingresp);
        return;
      case "DISCONNECT":
        if (line !== "DISCONNECT") throw new Error(`the client complains: ${line}`);
        this.close();
        return;
      default:
        throw new Error(`a client that sends ${line}`);
    }
  }

  #published(line: string, packetId: number, early: boolean, session: Session): void {
    const [, dup, qosText, alias, topic = "", number] =
      /^PUBLISH (DUP )?QoS(\d) (?:#\d+ )?(?:alias(\d+) )?(\S*) ([0-9a-f]{8})$/.exec(line) ?? [];
    if (number === undefined) throw new Error(`not understood: ${line}`);
    const qos = Number(qosText);
    const { receiveMaximum, topicAliasMaximum, maximumQoS } = this.granted;
    if (qos > 0) this.#unfinished.add(two(packetId));
    const wrong =
      qos > maximumQoS
        ? 155
        : Number(alias ?? 0) > topicAliasMaximum
          ? 148
          : this.#unfinished.size > receiveMaximum
            ? 147
            : 0;
    if (wrong > 0) {
      if (!early) throw new Error(`${line} is beyond ${JSON.stringify(this.granted)}`);
      this.outbox?.push(disconnect(wrong));
      this.refusing = true;
      return;
    }
    this.#name(topic, alias, Number.parseInt(number, 16));
    this.#take(Number.parseInt(number, 16), qos, packetId, dup !== undefined, session);
  }

  /** A topic is what its number says, also by its alias. */
  #name(topic: string, alias: string | undefined, number: number): void {
    if (alias !== undefined && topic !== "") this.#aliases.set(Number(alias), topic);
    const full = topic === "" ? this.#aliases.get(Number(alias)) : topic;
    if (full !== topicOf(number)) throw new Error(`message ${number} has the topic ${full}`);
  }

  #take(number: number, qos: number, packetId: number, dup: boolean, { unreleased }: Session): void {
    const known = qos === 2 ? unreleased.get(packetId) : undefined;
    if (known === undefined) this.delivered.push(number);
    else if (known !== number || !dup)
      throw new Error(`#${packetId} is message ${known}, and now ${number}${dup ? " again" : ""}`);
    if (qos === 2) unreleased.set(packetId, number);
    if (qos === 1) this.#owed.push(ack("puback", packetId));
    if (qos === 2) this.#owed.push(ack("pubrec", packetId));
  }

  /** Sends one of the acknowledgements it owes. */
  acknowledge(): void {
    const next = this.#owed.shift();
    if (next === undefined || !this.outbox || this.refusing) return;
    if (next.startsWith("40") || next.startsWith("70")) this.#unfinished.delete(next.slice(4, 8));
    this.outbox.push(next);
  }

  /** A message for the client; it waits if there is no connection. @returns its number */
  send(most: number): number | undefined {
    const { session } = this;
    if (!session?.subscribed || session.queue.length >= most) return undefined;
    const number = this.#numbers++;
    const qos = this.#random.once(2) ? 2 : 1;
    session.queue.push({ number, qos, packetId: 0, stage: "waiting" });
    return number;
  }

  /** Sends the first message that waits. */
  forward(): void {
    const { session, outbox } = this;
    const one = session?.queue.find(({ stage }) => stage === "waiting");
    if (!session || !outbox || !one || this.refusing) return;
    one.packetId = session.nextPacketId;
    session.nextPacketId = (session.nextPacketId % 65535) + 1;
    one.stage = "sent";
    this.#publish(one, false);
  }

  #publish({ number, qos, packetId }: Queued, dup: boolean): void {
    const payload = number.toString(16).padStart(8, "0");
    this.outbox?.push(publish(this.#version, { topic: "c", qos, packetId, dup, payload }));
  }
}

export function topicOf(number: number): string {
  return `t/${number % 3}`;
}
