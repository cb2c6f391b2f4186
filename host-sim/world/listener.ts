/**
 * The receiver of the simulated world: subscribes with MQTT.js (3.1.1, which every broker speaks), and hands
 * each message with its verdict on. It has no part in what the device does.
 */
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import mqtt, { type MqttClient } from "mqtt";
import { type ListenerTls, secureStream } from "./listener-tls.js";
import type { Judge, Judged } from "./verdict.js";
import { webSocketStream } from "./websocket.js";

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  /** null: plain TCP. */
  readonly tls: ListenerTls | null;
  /** MQTT over WebSocket, at this path. */
  readonly websocket?: { readonly path: string };
  /** Stands before its own client id too. */
  readonly clientIdPrefix?: string;
  readonly username?: string;
  /** For the client id; asked again for each connection, as a token lasts a while only. */
  readonly password?: (clientId: string) => string | undefined;
  /** Topic filters. What the broker keeps on their topics is not this run's, and not judged. */
  readonly filters?: readonly string[];
  /** Also what comes while its connection is broken is received. For a broker that nobody keeps. */
  readonly keepsSession?: boolean;
  readonly connectTimeoutMs?: number;
  /** How long it waits before it connects again. */
  readonly reconnectMs?: number;
  readonly judge: Pick<Judge, "judge">;
  readonly onMessage: (judged: Judged) => void;
  /** The connection broke after it had stood; MQTT.js connects and subscribes again by itself. */
  readonly onProblem?: (problem: string) => void;
}

export interface Listener {
  /** Says goodbye to the broker. May be called twice. */
  stop(): Promise<void>;
}

export const readingsFilter = "sensors/+/readings";

/** As many as every broker takes in one packet. */
const filtersAtOnce = 8;

/** Resolves at the last SUBACK: whatever is published from then on is received. */
function subscribed(client: MqttClient, filters: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once("error", reject);
    client.once("close", () => reject(new Error("the broker closed the connection")));
    client.once("connect", () => {
      const packets = Array.from({ length: Math.ceil(filters.length / filtersAtOnce) }, (_, n) =>
        subscribe(client, filters.slice(n * filtersAtOnce, (n + 1) * filtersAtOnce)),
      );
      Promise.all(packets).then(() => resolve(), reject);
    });
  });
}

async function subscribe(client: MqttClient, filters: readonly string[]): Promise<void> {
  const granted = await client.subscribeAsync([...filters], { qos: 1 });
  const refused = granted.find(({ qos }) => qos > 2);
  if (refused) throw new Error(`the broker refuses the subscription to ${refused.topic}`);
}

function withTimeout(work: Promise<void>, ms: number, where: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${where} does not answer within ${ms / 1000} s`)), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

const untrusted =
  "its certificate is of no CA that is trusted here: is --ca, or broker.tls.ca, the broker's?";
const knownErrors: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused, nothing listens there: check host and port, and that the broker runs",
  ENOTFOUND: "no such host: check the name, and this machine's DNS",
  EAI_AGAIN: "the name server does not answer",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name: use the one that is in it",
};

/** OpenSSL's errors are long lines with source files; Node gives what matters of them as `reason`. */
function wordsOf(error: Error & { readonly code?: string | number; readonly reason?: string }): string {
  return knownErrors[error.code ?? ""] ?? (error.reason || error.message || "unreachable");
}

/** @throws {Error} in one line when the broker cannot be reached, is not trusted, or refuses */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const {
    host,
    port,
    tls,
    websocket,
    filters = [readingsFilter],
    connectTimeoutMs = 10_000,
    judge,
  } = options;
  const connection = () => (tls === null ? connect(port, host) : secureStream(host, port, tls));
  const open = () => (websocket ? webSocketStream(host, port, websocket.path, connection) : connection());
  const clientId = `${options.clientIdPrefix ?? ""}dormouse-listener-${randomBytes(6).toString("hex")}`;
  const account = () => {
    const { username } = options;
    const password = options.password?.(clientId);
    return { ...(username !== undefined && { username }), ...(password !== undefined && { password }) };
  };
  const client = new mqtt.MqttClient(open, {
    protocolVersion: 4,
    clean: !options.keepsSession,
    clientId,
    connectTimeout: connectTimeoutMs,
    reconnectPeriod: options.reconnectMs ?? 500,
    // What the broker keeps for a listener of old is not this run's.
    resubscribe: true,
    ...account(),
  });
  client.on("close", () => Object.assign(client.options, account()));
  // One after the other, as they came: the replay store may take its time.
  let judged = Promise.resolve();
  client.on("message", (topic, payload, { retain }) => {
    if (retain) return;
    judged = judged
      .then(async () => options.onMessage(await judge.judge(topic, payload)))
      .catch((error: Error) => options.onProblem?.(error.message));
  });
  try {
    await withTimeout(subscribed(client, filters), connectTimeoutMs, `${host}:${port}`);
  } catch (error) {
    await client.endAsync(true);
    throw new Error(`broker ${host}:${port}: ${wordsOf(error as Error)}`);
  }
  client.on("error", (error) => options.onProblem?.(wordsOf(error)));
  client.on("offline", () => options.onProblem?.("the connection to the broker broke"));
  let stopped: Promise<void> | undefined;
  return {
    stop: () => {
      stopped ??= client.endAsync(!client.connected).then(() => judged);
      return stopped;
    },
  };
}
