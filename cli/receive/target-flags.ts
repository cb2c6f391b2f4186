/** `--to-…`: where `bridge` publishes in clear. The options are those of any client, with `--to-` before their long names. */
import type { Command } from "commander";
import { addressOfUrl } from "../mqtt/address.js";
import {
  type ClientFlags,
  type ClientSettings,
  clientSettings,
  collect,
  namesThisMachine,
} from "../mqtt/client-flags.js";
import { tlsFlagIn } from "../mqtt/tls-flags.js";
import type { Endpoint } from "../mqtt/transport.js";
import { OperatorError, UsageError } from "../report.js";

export interface TargetFlags {
  readonly toUrl?: string;
  readonly toId?: string;
  readonly toUsername?: string;
  readonly toPw?: string;
  readonly toCafile?: string;
  readonly toPin?: readonly string[];
  readonly toCert?: string;
  readonly toKey?: string;
  readonly toPsk?: string;
  readonly toPskIdentity?: string;
  readonly toProtocolVersion?: string;
  readonly toInsecure?: boolean;
}

export function addTargetOptions(command: Command): Command {
  return command
    .optionsGroup("The broker to publish to (the devices' own):")
    .option("--to-url <URL>", "mqtt(s)://[USER@]HOST[:PORT], or ws(s)://HOST[:PORT]/PATH")
    .option("--to-id <ID>", "client id there (one made up)")
    .option("--to-username <NAME>", "user name there")
    .option("--to-pw <SECRET>", "password there: env:NAME or file:PATH")
    .option("--to-cafile <FILE>", "trust the CAs in this PEM file there")
    .option("--to-pin <PIN>", "trust these keys there; twice or more", collect)
    .option("--to-cert <FILE>", "this client's certificate there")
    .option("--to-key <FILE>", "and its private key")
    .option("--to-psk <SECRET>", "pre-shared key there in hex: env:NAME or file:PATH")
    .option("--to-psk-identity <NAME>", "and whose it is")
    .option("--to-protocol-version <VERSION>", "mqttv5 or mqttv311 (mqttv5)")
    .option("--to-insecure", "publish in clear without TLS to another machine: anyone on the way reads it");
}

/** @throws {UsageError | OperatorError} in one line that names the option */
export async function targetSettings(
  flags: TargetFlags,
  source: ClientSettings,
  debug: boolean,
): Promise<ClientSettings> {
  const settings = flags.toUrl === undefined ? sameBroker(flags, source) : await otherBroker(flags, debug);
  const { endpoint } = settings;
  if (endpoint.tls !== null || flags.toInsecure) return settings;
  if (!namesThisMachine(endpoint.host))
    throw new UsageError(
      `${flags.toUrl === undefined ? "-h" : "--to-url"}: without TLS anyone on the way to ${endpoint.host} reads and changes what is published in clear; use TLS, or say --to-insecure`,
    );
  const loopbackOnly: Endpoint["loopbackOnly"] = "readings in clear";
  return { ...settings, endpoint: { ...endpoint, loopbackOnly } };
}

const ofAnotherBroker = [
  "toUsername",
  "toPw",
  "toCafile",
  "toPin",
  "toCert",
  "toKey",
  "toPsk",
  "toPskIdentity",
  "toProtocolVersion",
] as const satisfies readonly (keyof TargetFlags)[];

function sameBroker(flags: TargetFlags, source: ClientSettings): ClientSettings {
  const given = ofAnotherBroker.find((name) => flags[name] !== undefined);
  if (given !== undefined) {
    const option = given.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new UsageError(`--${option} goes with --to-url`);
  }
  const { will: _, subscriptions: __, ...session } = source.session;
  return {
    ...source,
    kept: undefined,
    session: {
      ...session,
      clientId: flags.toId ?? `${session.clientId}-to`,
      cleanStart: true,
      ...(session.version === 5 && { sessionExpirySeconds: 0 }),
    },
  };
}

async function otherBroker(flags: TargetFlags, debug: boolean): Promise<ClientSettings> {
  const clientFlags: ClientFlags = {
    url: flags.toUrl!,
    pipelining: true,
    debug,
    ...(flags.toId === undefined ? { idPrefix: "dormouse-bridge-" } : { id: flags.toId }),
    ...(flags.toUsername !== undefined && { username: flags.toUsername }),
    ...(flags.toPw !== undefined && { pw: reference("--to-pw", flags.toPw) }),
    ...(flags.toCafile !== undefined && { cafile: flags.toCafile }),
    ...(flags.toPin !== undefined && { pin: flags.toPin }),
    ...(flags.toCert !== undefined && { cert: flags.toCert }),
    ...(flags.toKey !== undefined && { key: flags.toKey }),
    ...(flags.toPsk !== undefined && { psk: reference("--to-psk", flags.toPsk) }),
    ...(flags.toPskIdentity !== undefined && { pskIdentity: flags.toPskIdentity }),
    ...(flags.toProtocolVersion !== undefined && { protocolVersion: flags.toProtocolVersion }),
  };
  try {
    const address = addressOfUrl(flags.toUrl!);
    if (address.topic !== undefined)
      throw new UsageError("-L: a topic is not said here but with --to-prefix or --to-map");
    if (address.password !== undefined) throw new UsageError("-L: give the password with -P");
    const tlsFlag = tlsFlagIn(clientFlags);
    if (tlsFlag !== undefined && !address.tls)
      throw new UsageError(`${tlsFlag} goes with ${address.websocketPath ? "wss" : "mqtts"}://`);
    return await clientSettings(clientFlags, address);
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(renamed(error.message));
    if (error instanceof OperatorError) throw new OperatorError(renamed(error.message));
    throw error;
  }
}

function reference(flag: string, text: string): string {
  if (!/^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/s.test(text))
    throw new UsageError(`${flag}: write env:NAME or file:PATH, never the secret itself`);
  return text;
}

const longNames: { readonly [letter: string]: string } = {
  L: "url",
  h: "url",
  u: "username",
  P: "pw",
  i: "id",
  V: "protocol-version",
};

/** The client's own options in its errors, as they are called here. */
function renamed(message: string): string {
  return message
    .replaceAll(/(?<![\w-])-([LhuPiV])(?![\w-])/g, (_, letter: string) => `--to-${longNames[letter]}`)
    .replaceAll(
      /(?<![\w-])--(cafile|pin|cert|key|psk-identity|psk)(?![\w-])/g,
      (_, name: string) => `--to-${name}`,
    );
}
