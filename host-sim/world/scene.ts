/**
 * The world around one simulated device: its broker (the embedded one unless a run names another), the
 * listener that judges what arrives there, and the network that the board asks for Wi-Fi, names and time.
 */
import { join } from "node:path";
import { SqliteReplayStore } from "../../backend/replay/sqlite.js";
import { developmentPki, embeddedBrokerName } from "../../certs/pki/development.js";
import { pem } from "../../certs/pki/pem.js";
import type { Profile } from "../../lib/store/profile.js";
import type { Disturbance } from "../disturbance.js";
import { build } from "../paths.js";
import type { SimOptions } from "../sim-options.js";
import { Station } from "./access-point.js";
import { Account } from "./account.js";
import { type Broker, startBroker } from "./broker.js";
import { deviceSender, type Keyed, withOwnKeys } from "./device-sender.js";
import { type Listener, type ListenerOptions, startListener } from "./listener.js";
import type { ListenerTls } from "./listener-tls.js";
import { answer, quietWorld, type Reply } from "./network.js";
import { Prng } from "./prng.js";
import { Judge, type Judged } from "./verdict.js";

export interface Scene {
  /** Where the device finds its broker. */
  readonly broker: { readonly host: string; readonly port: number };
  /** The profile and key pairs for the device. */
  readonly keyed: Keyed;
  /** The root certificate for the device, DER; null without. */
  readonly ca: Uint8Array | null;
  /** How the run is introduced. */
  readonly title: string;
  ask(kind: string, detail: string, atMs: number): Promise<Reply>;
  close(): Promise<void>;
}

/** Who lives in this world. */
export interface Resident {
  readonly options: SimOptions;
  /** 32 bytes. */
  readonly deviceSecret: Uint8Array;
  readonly disturbance: Disturbance;
  /** The device's clock. */
  readonly nowMs: () => number;
  /** What it sent has been judged. */
  readonly onReceived: (judged: Judged) => void;
}

/** @throws {Error} in one line when a broker cannot be started or reached */
export async function openScene(resident: Resident, onProblem: (problem: string) => void): Promise<Scene> {
  const { options, deviceSecret, disturbance, onReceived } = resident;
  const { profile, secrets, seed } = options;
  const replay = new SqliteReplayStore(":memory:");
  const parts: { stop(): Promise<void> }[] = [{ stop: () => replay.close() }];
  const close = async () => {
    for (const part of parts.reverse().splice(0)) await part.stop();
  };
  try {
    const account = new Account(profile, {
      ...secrets,
      deviceSecret,
      // An external broker has a clock of its own.
      nowSeconds: () => (options.broker ? Date.now() : resident.nowMs()) / 1000,
    });
    const given = { signKey: secrets.signKey, recipientKey: options.recipientKey };
    const keyed = options.broker ? { ...given, profile } : withOwnKeys(profile, given);
    const sender = deviceSender(keyed, deviceSecret);
    const place = options.broker ? external(options) : await embedded(resident, account, parts);
    const websocket = disturbance.listenerWebsocket === null ? undefined : profile.broker.websocket;
    const listener: Listener = await startListener({
      host: place.connectTo,
      port: disturbance.listenerPort ?? place.port,
      tls: disturbance.listenerTls === undefined ? listenerTls(options, place) : disturbance.listenerTls,
      ...(websocket && { websocket }),
      ...listenerName(profile),
      password: (clientId) => account.passwordFor(clientId),
      filters: heard(profile),
      judge: new Judge([sender], replay),
      onMessage: onReceived,
      onProblem,
    });
    parts.push(listener);
    const names = options.broker ? {} : { [embeddedBrokerName]: place.connectTo };
    const world = quietWorld({ ssid: profile.wifi.ssid, password: secrets.wifiPassword }, names);
    const random = new Prng(seed, "network");
    const station = new Station();
    return {
      broker: { host: place.host, port: place.port },
      keyed,
      ca: place.caDer,
      title: place.title,
      ask: (kind, detail, atMs) =>
        answer(disturbance.network?.(world) ?? world, random, kind, detail, atMs, station),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** All that the device publishes. */
function heard({ topics: { base, readings } }: Profile): string[] {
  return [readings, `${base}/will`, `${base}/result`];
}

function listenerName({ broker }: Profile): Pick<ListenerOptions, "clientIdPrefix" | "username"> {
  const { clientIdPrefix, username } = broker;
  return {
    ...(clientIdPrefix !== undefined && { clientIdPrefix }),
    ...(username !== undefined && { username }),
  };
}

interface Place {
  readonly host: string;
  readonly connectTo: string;
  readonly port: number;
  readonly caPem: string | null;
  readonly caDer: Uint8Array | null;
  readonly title: string;
}

/** The listener gets in as the device does. */
function listenerTls({ profile, secrets }: SimOptions, place: Place): ListenerTls | null {
  const { tls } = profile.broker;
  if (tls === false) return null;
  const { certificate, key, psk } = secrets;
  return {
    caPem: place.caPem,
    pins: tls.pins,
    ...(place.connectTo !== place.host && { serverName: place.host }),
    ...(certificate &&
      key && { identity: { certificatePem: asPem(certificate), keyPem: pem("PRIVATE KEY", key) } }),
    ...(psk && { psk: { identity: tls.pskIdentity!, key: psk, forwardSecrecy: tls.forwardSecrecy } }),
  };
}

/** Certificates as a device stores them. */
function asPem(certificates: Uint8Array): string {
  return certificates[0] === 0x30
    ? pem("CERTIFICATE", certificates)
    : Buffer.from(certificates).toString("latin1");
}

function address({ broker: { tls, websocket } }: Profile, host: string, port: number): string {
  const scheme = websocket ? "ws" : "mqtt";
  return `${scheme}${tls ? "s" : ""}://${host}:${port}${websocket?.path ?? ""}`;
}

function external({ broker, profile }: SimOptions): Place {
  const { host, port, ca } = broker!;
  return {
    host,
    connectTo: host,
    port,
    caPem: ca?.pem ?? null,
    caDer: ca?.der ?? null,
    title: `${address(profile, host, port)}, MQTT ${profile.mqtt.version}`,
  };
}

async function embedded(
  { options: { profile }, disturbance }: Resident,
  account: Account,
  parts: { stop(): Promise<void> }[],
): Promise<Place> {
  const { brokerMaxVersion: maxVersion } = disturbance;
  const pki = await developmentPki(join(build, "development-pki"));
  const plain = profile.broker.tls === false;
  const tls = plain
    ? null
    : { chainPem: pki.serverChainPem, keyPem: pki.serverKeyPem, ...(maxVersion && { maxVersion }) };
  const { websocket } = profile.broker;
  const broker: Broker = await startBroker({
    tls,
    ...(websocket && { websocket }),
    admits: (login) => account.admits(login),
  });
  parts.push(broker);
  return {
    host: embeddedBrokerName,
    connectTo: broker.host,
    port: broker.port,
    caPem: plain ? null : pki.rootPem,
    caDer: plain ? null : pki.rootDer,
    title: `embedded broker ${address(profile, embeddedBrokerName, broker.port)}, MQTT ${profile.mqtt.version}`,
  };
}
