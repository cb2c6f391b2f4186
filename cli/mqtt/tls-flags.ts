/** Whom to believe and who one is: `--cafile`, `--pin`, `--cert` with `--key`, `--psk`. Nothing can turn the checks off. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import { fromPem } from "../../certs/pki/pem.js";
import type { ListenerTls } from "../../host-sim/world/listener-tls.js";
import { parsePin } from "../../lib/tls/pins.js";
import { OperatorError, UsageError } from "../report.js";
import { choice, fileText } from "../values.js";
import { secretOf } from "./secrets.js";

export interface TlsFlags {
  readonly cafile?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly pin?: readonly string[];
  readonly psk?: string;
  readonly pskIdentity?: string;
  readonly tlsVersion?: string;
  readonly tlsAlpn?: string;
  readonly insecure?: boolean;
}

/** The first of these that was given. */
export function tlsFlagIn(flags: TlsFlags): string | undefined {
  const names: readonly (readonly [string, unknown])[] = [
    ["--cafile", flags.cafile],
    ["--cert", flags.cert],
    ["--key", flags.key],
    ["--pin", flags.pin],
    ["--psk", flags.psk],
    ["--psk-identity", flags.pskIdentity],
    ["--tls-version", flags.tlsVersion],
    ["--tls-alpn", flags.tlsAlpn],
  ];
  return names.find(([, value]) => value !== undefined)?.[0];
}

/**
 * @throws {UsageError} for options that do not go together and files that cannot be read
 * @throws {OperatorError} for files with the wrong content
 */
export async function tlsOf(flags: TlsFlags): Promise<ListenerTls> {
  if (flags.insecure)
    throw new UsageError(
      "--insecure is not offered: trust the broker's own key with --pin (dormouse pin HOST:PORT shows it), or its CA with --cafile",
    );
  const version = choice("--tls-version", flags.tlsVersion ?? "both", ["tlsv1.2", "tlsv1.3", "both"]);
  const common = {
    ...(version !== "both" && {
      version: version === "tlsv1.2" ? ("TLSv1.2" as const) : ("TLSv1.3" as const),
    }),
    ...(flags.tlsAlpn !== undefined && { alpn: flags.tlsAlpn }),
  };
  if (flags.psk !== undefined || flags.pskIdentity !== undefined)
    return { ...common, caPem: null, psk: await pskOf(flags) };
  const pins = pinsOf(flags.pin ?? []);
  const identity = await identityOf(flags);
  return { ...common, caPem: await trustedCas(flags, pins), pins, ...(identity && { identity }) };
}

/** Without `--cafile` and `--pin`: the public CAs, as Node comes with them. */
async function trustedCas({ cafile }: TlsFlags, pins: readonly string[]): Promise<string | null> {
  if (cafile === undefined) return pins.length > 0 ? null : rootCertificates.join("\n");
  const text = await fileText(cafile, "--cafile");
  if (certificatesIn("--cafile", cafile, text).some(({ ca }) => !ca))
    throw new OperatorError(
      `--cafile ${cafile}: holds a certificate that is no CA's; a broker's own is trusted with --pin`,
    );
  return text;
}

function certificatesIn(flag: string, path: string, text: string): X509Certificate[] {
  let found: X509Certificate[];
  try {
    found = fromPem("CERTIFICATE", text).map((der) => new X509Certificate(der));
  } catch {
    throw new OperatorError(`${flag} ${path}: holds a damaged certificate`);
  }
  if (found.length === 0) throw new OperatorError(`${flag} ${path}: holds no PEM certificate`);
  return found;
}

function pinsOf(texts: readonly string[]): string[] {
  const pins = texts.map((text) => {
    try {
      return `sha256/${Buffer.from(parsePin(text)).toString("base64")}`;
    } catch (error) {
      throw new UsageError(`--pin "${text}": ${(error as Error).message}`);
    }
  });
  if (pins.length > 0 && new Set(pins).size < 2)
    throw new UsageError("--pin: give two, one in use and one of a spare key (see: dormouse pin --help)");
  return pins;
}

async function identityOf({ cert, key }: TlsFlags): Promise<ListenerTls["identity"]> {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) throw new UsageError("--cert and --key go together");
  const certificatePem = await fileText(cert, "--cert");
  const [certificate] = certificatesIn("--cert", cert, certificatePem);
  const keyPem = await fileText(key, "--key");
  if (!certificate!.checkPrivateKey(privateKeyIn(key, keyPem)))
    throw new OperatorError(`--key ${key}: does not belong to the (first) certificate in ${cert}`);
  return { certificatePem, keyPem };
}

function privateKeyIn(path: string, text: string): KeyObject {
  if (/^(-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED)/m.test(text))
    throw new OperatorError(
      `--key ${path}: is encrypted; write it decrypted (openssl pkey), for its owner alone to read`,
    );
  try {
    return createPrivateKey(text);
  } catch {
    throw new OperatorError(`--key ${path}: holds no private key in PEM`);
  }
}

async function pskOf(flags: TlsFlags): Promise<NonNullable<ListenerTls["psk"]>> {
  const { psk, pskIdentity: identity } = flags;
  if (psk === undefined || !identity) throw new UsageError("--psk and --psk-identity go together");
  for (const [flag, value] of [
    ["--cafile", flags.cafile],
    ["--cert", flags.cert],
    ["--key", flags.key],
    ["--pin", flags.pin],
  ])
    if (value !== undefined) throw new UsageError(`${flag} goes with certificates, not with --psk`);
  const hex = await secretOf("--psk", psk);
  if (!/^([0-9A-Fa-f]{2}){16,64}$/.test(hex))
    throw new UsageError("--psk: must be 32 to 128 hex digits (16 to 64 bytes)");
  return { identity, key: Buffer.from(hex, "hex"), forwardSecrecy: true };
}
