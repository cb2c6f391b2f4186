/**
 * The world around the simulated devices: their broker (the embedded one unless a run names another), the listener that
 * judges what arrives there, and for each the network that its board asks for Wi-Fi, names and time.
 */
import { join } from "node:path";
import { SqliteReplayStore } from "../../backend/replay/sqlite.js";
import { developmentDevice, developmentPki, embeddedBrokerName } from "../../certs/pki/development.js";
import { pem } from "../../certs/pki/pem.js";
import type { Profile } from "../../lib/store/profile.js";
import type { Disturbance } from "../disturbance.js";
import { build } from "../paths.js";
import type { SimOptions } from "../sim-options.js";
import { Station } from "./access-point.js";
import { Accounts } from "./accounts.js";
import { type Broker, startBroker } from "./broker.js";
import { type Keyed, withOwnKeys } from "./device-sender.js";
import { Judges } from "./judges.js";
import { type Listener, type ListenerOptions, startListener } from "./listener.js";
import type { ListenerTls } from "./listener-tls.js";
import { answer, improvSsid, quietWorld, type Reply } from "./network.js";
import { Prng } from "./prng.js";
import type { Judged } from "./verdict.js";

export interface Scene {
  /** Where the devices find their broker. */
  readonly broker: { readonly host: string; readonly port: number };
  /** The root certificate for the devices, DER; null without. */
  readonly ca: Uint8Array | null;
  /** The broker, when it is the run's own. */
  readonly embedded: Broker | undefined;
  /** How the run is introduced. */
  readonly title: string;
  /** What each resident has of it, in their order. */
  readonly homes: readonly Home[];
  close(): Promise<void>;
}

export interface Home {
  /** The profile and key pairs for the device. */
  readonly keyed: Keyed;
  /** What was issued for it; null: it has been given a certificate, or needs none. */
  readonly identity: Identity | null;
  ask(kind: string, detail: string, atMs: number): Promise<Reply>;
}

/** As a device stores it. */
interface Identity {
  readonly certificate: Uint8Array;
  readonly key: Uint8Array;
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

/**
 * @param residents at least one; whatever they have in common is as the first one has it
 * @throws {Error} in one line when a broker cannot be started or reached
 */
export async function openScene(
  residents: readonly Resident[],
  onProblem: (problem: string) => void,
): Promise<Scene> {
  const { options, disturbance } = residents[0]!;
  const { profile } = options;
  const replay = new SqliteReplayStore(":memory:");
  const parts: { stop(): Promise<void> }[] = [{ stop: () => replay.close() }];
  const close = async () => {
    for (const part of parts.reverse().splice(0)) await part.stop();
  };
  try {
    const accounts = new Accounts(residents);
    const keyed = residents.map(keysOf);
    const issued = isIssued(options);
    const judges = new Judges(residents, keyed, replay);
    const place = options.broker ? external(options) : await embedded(residents[0]!, accounts, parts);
    const websocket = disturbance.listenerWebsocket === null ? undefined : profile.broker.websocket;
    const listener: Listener = await startListener({
      host: place.connectTo,
      port: disturbance.listenerPort ?? place.port,
      tls:
        disturbance.listenerTls === undefined ? await listenerTls(options, place) : disturbance.listenerTls,
      ...(websocket && { websocket }),
      ...listenerName(profile),
      password: (clientId) => accounts.passwordFor(clientId),
      filters: judges.topics,
      // The run waits for it, and its own broker is there at once.
      ...(options.broker === null && { reconnectMs: 20 }),
      keepsSession: place.embedded !== undefined,
      judge: judges,
      onMessage: (judged) => judges.tell(judged),
      onProblem,
    });
    parts.push(listener);
    const identities = await Promise.all(
      residents.map(({ options: { profile: own } }) => (issued ? issueFor(own.device.id) : null)),
    );
    const names = options.broker ? {} : { [embeddedBrokerName]: place.connectTo };
    return {
      broker: { host: place.host, port: place.port },
      ca: place.caDer,
      embedded: place.embedded,
      title: place.title,
      homes: residents.map((resident, n) => ({
        keyed: keyed[n]!,
        identity: identities[n]!,
        ask: network(resident, names, residents.length),
      })),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Where the whole world is the run's own, keys that nobody gave are made. */
function keysOf({ options }: Resident): Keyed {
  const { profile, secrets, recipientKey } = options;
  const given = { signKey: secrets.signKey, recipientKey };
  return options.broker ? { ...given, profile } : withOwnKeys(profile, given);
}

const pkiFolder = join(build, "development-pki");

/** Whether the profile wants a certificate for a key that nobody has given. */
function isIssued({ profile: { broker }, secrets }: SimOptions): boolean {
  return broker.tls !== false && broker.tls.identity === "certificate" && secrets.certificate === null;
}

function issueFor(id: string): Promise<Identity> {
  return developmentDevice(pkiFolder, id);
}

/** Each device of several draws delays of its own. */
function network(
  { options, disturbance }: Resident,
  names: Record<string, string>,
  residents: number,
): Home["ask"] {
  const { profile, secrets, seed } = options;
  const world = quietWorld({ ssid: profile.wifi.ssid ?? improvSsid, password: secrets.wifiPassword }, names);
  const random = new Prng(seed, residents === 1 ? "network" : `network ${profile.device.id}`);
  const station = new Station();
  return (kind, detail, atMs) =>
    answer(disturbance.network?.(world) ?? world, random, kind, detail, atMs, station);
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
  readonly embedded: Broker | undefined;
  readonly title: string;
}

/** The listener gets in as the device does; where certificates are issued, with one of its own. */
async function listenerTls(options: SimOptions, place: Place): Promise<ListenerTls | null> {
  const { profile, secrets } = options;
  const { tls } = profile.broker;
  if (tls === false) return null;
  const { certificate, key } = isIssued(options) ? await issueFor("listener") : secrets;
  const { psk } = secrets;
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
    embedded: undefined,
    title: `${address(profile, host, port)}, MQTT ${profile.mqtt.version}`,
  };
}

async function embedded(
  { options, disturbance }: Resident,
  accounts: Accounts,
  parts: { stop(): Promise<void> }[],
): Promise<Place> {
  const { brokerMaxVersion: maxVersion } = disturbance;
  const { profile } = options;
  const pki = await developmentPki(pkiFolder);
  const plain = profile.broker.tls === false;
  const tls = plain
    ? null
    : {
        chainPem: pki.serverChainPem,
        keyPem: pki.serverKeyPem,
        ...(isIssued(options) && { clientCaPem: pki.rootPem }),
        ...(maxVersion && { maxVersion }),
      };
  const { websocket } = profile.broker;
  const broker: Broker = await startBroker({
    tls,
    ...(websocket && { websocket }),
    admits: (login) => accounts.admits(login),
  });
  parts.push(broker);
  return {
    host: embeddedBrokerName,
    connectTo: broker.host,
    port: broker.port,
    caPem: plain ? null : pki.rootPem,
    caDer: plain ? null : pki.rootDer,
    embedded: broker,
    title: `embedded broker ${address(profile, embeddedBrokerName, broker.port)}, MQTT ${profile.mqtt.version}`,
  };
}
