/** The options that `pub` and `sub` share: the letters of mosquitto_pub and mosquitto_sub, read and checked before anything is sent. */
import { randomBytes, randomInt } from "node:crypto";
import { type Command, Option } from "commander";
import { emptyKept, type KeptSession } from "../../lib/mqtt/kept-session.js";
import { maxPacketBytes, noExpiry } from "../../lib/mqtt/limits.js";
import type { SessionOptions } from "../../lib/mqtt/session-options.js";
import type { QoS, Will } from "../../lib/mqtt/wire/packet-types.js";
import { checkTopicName } from "../../lib/mqtt/wire/topics.js";
import { UsageError } from "../report.js";
import { choice, whole } from "../values.js";
import { type Address, addressOfFlags, addressOfUrl } from "./address.js";
import { type PropertiesByCommand, propertiesOf } from "./properties.js";
import { secretOf, warnOfLiteral } from "./secrets.js";
import { type TlsFlags, tlsFlagIn, tlsOf } from "./tls-flags.js";
import { type Endpoint, isLoopback } from "./transport.js";

export interface ClientFlags extends TlsFlags {
  readonly host?: string;
  readonly port?: string;
  readonly url?: string;
  readonly id?: string;
  readonly idPrefix?: string;
  readonly username?: string;
  readonly pw?: string;
  readonly keepalive?: string;
  readonly disableCleanSession?: boolean;
  readonly sessionExpiryInterval?: string;
  readonly protocolVersion?: string;
  readonly qos?: string;
  readonly maxInflight?: string;
  readonly property?: readonly string[];
  readonly willTopic?: string;
  readonly willPayload?: string;
  readonly willQos?: string;
  readonly willRetain?: boolean;
  /** false: --no-pipelining. */
  readonly pipelining: boolean;
  readonly debug?: boolean;
}

export interface ClientSettings {
  readonly endpoint: Endpoint;
  readonly session: SessionOptions;
  /** With -c: the session that the broker may have is one of ours, with nothing in flight. */
  readonly kept: KeptSession | undefined;
  readonly properties: PropertiesByCommand;
  readonly onTrace: ((line: string) => void) | undefined;
}

const versions: { readonly [name: string]: 4 | 5 } = { mqttv5: 5, "5": 5, mqttv311: 4, "311": 4 };

/** Of messages that the broker has sent and this client has not finished with: as many as a session can keep. */
const receiveMaximum = 255;
const topicAliasMaximum = 16;

export const collect = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  value,
];

export function addClientOptions(command: Command): Command {
  return command
    .optionsGroup("The broker:")
    .option("-h, --host <HOST>", "the broker (localhost)")
    .option("-p, --port <PORT>", "its port (1883; 8883 with TLS)")
    .option("-L, --url <URL>", "mqtt(s)://[USER@]HOST[:PORT]/TOPIC, or ws(s)://HOST[:PORT]/PATH")
    .option("-u, --username <NAME>", "user name")
    .option("-P, --pw <SECRET>", "password, over TLS only: env:NAME, file:PATH, - to be asked, or itself")
    .optionsGroup("TLS:")
    .option("--cafile <FILE>", "trust the CAs in this PEM file (else the public ones)")
    .option("--pin <PIN>", "trust these keys; twice or more (see: dormouse pin --help)", collect)
    .option("--cert <FILE>", "this client's certificate in PEM")
    .option("--key <FILE>", "and its private key")
    .option("--psk <SECRET>", "pre-shared key in hex: env:NAME, file:PATH, - to be asked, or itself")
    .option("--psk-identity <NAME>", "and whose it is")
    .option("--tls-version <VERSION>", "tlsv1.2 or tlsv1.3 (both)")
    .option("--tls-alpn <NAME>", "application protocol to offer, e.g. mqtt")
    .optionsGroup("The session:")
    .option("-V, --protocol-version <VERSION>", "mqttv5 or mqttv311 (mqttv5)")
    .option("-i, --id <ID>", "client id (one made up)")
    .option("-I, --id-prefix <PREFIX>", "what the client id that is made up begins with (dormouse-)")
    .option("-k, --keepalive <SECONDS>", "the longest silence before a PINGREQ, 0 for any (60)")
    .option("-c, --disable-clean-session", "keep the session at the broker; needs -i")
    .option("-x, --session-expiry-interval <SECONDS>", "for how long, MQTT 5 (for ever with -c, else 0)")
    .option("-M, --max-inflight <N>", "most QoS 1 and 2 messages unacknowledged (20)")
    .option("-D, --property <WORDS...>", "MQTT 5: CONNECT, PUBLISH or WILL, the property's name, its value")
    .option("--no-pipelining", "send nothing before the broker has accepted the connection")
    .optionsGroup("What the broker publishes when this client disappears:")
    .option("--will-topic <TOPIC>", "where to")
    .option("--will-payload <TEXT>", "the payload (none)")
    .option("--will-qos <QOS>", "0, 1 or 2 (0)")
    .option("--will-retain", "the broker keeps it for those who subscribe later")
    .optionsGroup("Help:")
    .option("-d, --debug", "show each packet on standard error, without payloads and secrets")
    .helpOption("--help", "show this help")
    .addOption(new Option("--insecure").hideHelp());
}

/** Runs a check of lib's on what the user wrote. */
export function checked<T>(flag: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`${flag}: ${error.message}`);
    throw error;
  }
}

export function qosOf(flag: string, text = "0"): QoS {
  return Number(choice(flag, text, ["0", "1", "2"])) as QoS;
}

export function versionOf({ protocolVersion, property, sessionExpiryInterval }: ClientFlags): 4 | 5 {
  const version = versions[choice("-V", protocolVersion ?? "mqttv5", Object.keys(versions))]!;
  if (version === 4 && property !== undefined) throw new UsageError("-D goes with -V mqttv5");
  if (version === 4 && sessionExpiryInterval !== undefined) throw new UsageError("-x goes with -V mqttv5");
  return version;
}

/**
 * Reads secrets and files last, when all else is in order.
 * @throws {UsageError | OperatorError} in one line that names the option
 */
export async function clientSettings(flags: ClientFlags, address: Address): Promise<ClientSettings> {
  const version = versionOf(flags);
  const properties = propertiesOf(flags.property ?? []);
  const session: SessionOptions = {
    version,
    ...identityOf(flags),
    ...lifetimeOf(flags, version),
    keepAliveSeconds: whole("-k", flags.keepalive ?? "60", 0, 65_535),
    maxInFlight: whole("-M", flags.maxInflight ?? "20", 1, 255),
    maxPacketBytes,
    receiveMaximum,
    topicAliasMaximum,
    pipelining: flags.pipelining,
    will: willOf(flags, properties.will),
    userProperties: properties.connect.userProperties,
  };
  const local = !address.tls && (flags.pw !== undefined || address.password !== undefined);
  if (local && !namesThisMachine(address.host))
    throw new UsageError("a password is sent over TLS only: give --cafile, --pin or mqtts:// as well");
  const credentials = await credentialsOf(flags, address);
  return {
    endpoint: {
      host: address.host,
      port: address.port,
      tls: address.tls || flags.insecure ? await tlsOf(flags) : null,
      websocketPath: address.websocketPath,
      loopbackOnly: local,
    },
    session: { ...session, ...credentials, encrypted: address.tls || local },
    // What an earlier process had in flight at QoS 2 is not known here: its identifiers are unlikely to be met.
    kept: flags.disableCleanSession ? { ...emptyKept, nextPacketId: randomInt(1, 65_536) } : undefined,
    properties,
    onTrace: flags.debug ? (line) => console.error(line) : undefined,
  };
}

export function addressOf(flags: ClientFlags): Address {
  const tlsFlag = tlsFlagIn(flags);
  if (flags.url === undefined) return addressOfFlags(flags.host, flags.port, tlsFlag !== undefined);
  for (const [flag, value] of [
    ["-h", flags.host],
    ["-p", flags.port],
  ])
    if (value !== undefined) throw new UsageError(`${flag} and -L exclude each other`);
  const address = addressOfUrl(flags.url);
  if (tlsFlag !== undefined && !address.tls)
    throw new UsageError(`${tlsFlag} goes with ${address.websocketPath ? "wss" : "mqtts"}://`);
  return address;
}

function identityOf({ id, idPrefix, disableCleanSession }: ClientFlags): { clientId: string } {
  if (id !== undefined && idPrefix !== undefined) throw new UsageError("-i and -I exclude each other");
  if (!id && disableCleanSession) throw new UsageError("-c needs -i: a session is kept under its client id");
  return { clientId: id ?? `${idPrefix ?? "dormouse-"}${randomBytes(6).toString("hex")}` };
}

function lifetimeOf(
  { disableCleanSession: keeps = false, sessionExpiryInterval: expiry }: ClientFlags,
  version: 4 | 5,
): Pick<SessionOptions, "cleanStart" | "sessionExpirySeconds"> {
  if (version === 4) return { cleanStart: !keeps };
  const forEver = expiry === undefined ? keeps : expiry === "-1" || expiry === "∞";
  return {
    cleanStart: !keeps,
    sessionExpirySeconds: forEver ? noExpiry : whole("-x", expiry ?? "0", 0, noExpiry),
  };
}

function willOf(
  { willTopic: topic, willPayload, willQos, willRetain }: ClientFlags,
  properties: PropertiesByCommand["will"],
): Will | undefined {
  if (topic === undefined) {
    if (
      willPayload !== undefined ||
      willQos !== undefined ||
      willRetain ||
      Object.keys(properties).length > 0
    )
      throw new UsageError("a will needs --will-topic");
    return undefined;
  }
  checked("--will-topic", () => checkTopicName(topic));
  return {
    ...properties,
    topic,
    payload: Buffer.from(willPayload ?? ""),
    qos: qosOf("--will-qos", willQos),
    retain: willRetain ?? false,
  };
}

async function credentialsOf(
  { username, pw }: ClientFlags,
  address: Address,
): Promise<Pick<SessionOptions, "userName" | "password">> {
  if (address.userName !== undefined && username !== undefined)
    throw new UsageError("-u and a user name in -L exclude each other");
  if (address.password !== undefined && pw !== undefined)
    throw new UsageError("-P and a password in -L exclude each other");
  const userName = username ?? address.userName;
  if (pw === undefined && address.password === undefined) return { userName };
  if (userName === undefined) throw new UsageError("a password needs a user name (-u)");
  if (address.password !== undefined) warnOfLiteral("-L", "give -u and -P");
  const password = address.password ?? (await secretOf("-P", pw!));
  return { userName, password: Buffer.from(password) };
}

/** Where a name leads is looked at again when the connection stands. */
export function namesThisMachine(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || isLoopback(host);
}
