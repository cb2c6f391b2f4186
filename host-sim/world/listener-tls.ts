/**
 * TLS to a broker by Node, for listeners and the command line: it knows its broker as a device does, by CA, by pins or
 * by PSK, and says who it is in the same way. Until the broker is known nothing is sent, the password least of all.
 */
import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { fromPem } from "../../certs/pki/pem.js";
import { pinOf, spkiOf } from "../../certs/pki/spki.js";

export interface ListenerTls {
  /** Root certificates in PEM; null: pins or a PSK do without. */
  readonly caPem: string | null;
  /** As sha256/BASE64. */
  readonly pins?: readonly string[];
  /** The name in the broker's certificate, when the host is an address. */
  readonly serverName?: string;
  readonly identity?: { readonly certificatePem: string; readonly keyPem: string };
  readonly psk?: { readonly identity: string; readonly key: Uint8Array; readonly forwardSecrecy: boolean };
  /** Only this version; both without. */
  readonly version?: "TLSv1.2" | "TLSv1.3";
  /** The application protocol to offer. */
  readonly alpn?: string;
}

/** MQTT.js passes on the errors that have a code, as Node's have. */
class UntrustedBroker extends Error {
  constructor(
    readonly code: "NO_PINNED_KEY" | "NO_SHARED_KEY",
    message: string,
  ) {
    super(message);
  }
}

export function secureStream(host: string, port: number, tls: ListenerTls): TLSSocket {
  const name = tls.serverName ?? host;
  const socket = connect({
    host,
    port,
    minVersion: tls.version ?? "TLSv1.2",
    ...(tls.version !== undefined && { maxVersion: tls.version }),
    ...(tls.alpn !== undefined && { ALPNProtocols: [tls.alpn] }),
    ...(isIP(name) === 0 && { servername: name }),
    ...(tls.psk ? presharing(tls.psk, tls.caPem) : byCertificate(tls)),
  });
  socket.cork();
  socket.once("secureConnect", () => {
    if (tls.psk || trusted(socket, name, tls)) socket.uncork();
    else socket.destroy(new UntrustedBroker("NO_PINNED_KEY", "none of the broker's keys is pinned"));
  });
  return socket;
}

function byCertificate({ caPem, identity }: ListenerTls): ConnectionOptions {
  return {
    // Without a CA, trusted() alone decides.
    ...(caPem === null ? { ca: [], rejectUnauthorized: false } : { ca: caPem, rejectUnauthorized: true }),
    ...(identity && { cert: identity.certificatePem, key: identity.keyPem }),
  };
}

/** The suites of a device, with SHA-256: a PSK belongs to one hash (RFC 8446 §4.2.11). */
const pskSuites = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:ECDHE-PSK-CHACHA20-POLY1305";

function presharing(
  { identity, key, forwardSecrecy }: NonNullable<ListenerTls["psk"]>,
  caPem: string | null,
): ConnectionOptions {
  return {
    pskCallback: () => ({ psk: key, identity }),
    ciphers: forwardSecrecy ? pskSuites : `${pskSuites}:PSK-AES128-GCM-SHA256`,
    ca: caPem ?? [],
    rejectUnauthorized: true,
    // Whoever answers with a certificate does not know the key, whatever CA the certificate is of.
    checkServerIdentity: (_, certificate) =>
      Object.keys(certificate).length === 0
        ? undefined
        : new UntrustedBroker("NO_SHARED_KEY", "the broker shows no PSK"),
  };
}

/** What the CA, if there is one, leaves to the pins. */
function trusted(socket: TLSSocket, name: string, { caPem, pins = [] }: ListenerTls): boolean {
  if (pins.length === 0) return caPem !== null;
  const path = pathOf(socket, caPem);
  const at = path.findIndex((certificate) => pins.includes(pinOf(spkiOf(certificate.raw))));
  if (at < 0) return false;
  // The broker's own key is its identity; a CA's key needs the path up to it, and the name.
  const leaf = path[0]!;
  const named = isIP(name) ? leaf.checkIP(name) : leaf.checkHost(name, { subject: "never" });
  return (at === 0 || named !== undefined) && path.slice(0, at + 1).every(isCurrent);
}

/** The broker's certificate, then those that each signed the one before, among what it sent and the roots. */
function pathOf(socket: TLSSocket, caPem: string | null): X509Certificate[] {
  const [leaf, ...others] = sentBy(socket);
  if (caPem !== null) others.push(...fromPem("CERTIFICATE", caPem).map((der) => new X509Certificate(der)));
  const path: X509Certificate[] = [];
  for (let next = leaf; next && !path.includes(next); ) {
    path.push(next);
    const below: X509Certificate = next;
    next = others.find((other) => other.ca && below.verify(other.publicKey));
  }
  return path;
}

/** Node links what came in the order in which it came; the second time it gives nothing. */
function sentBy(socket: TLSSocket): X509Certificate[] {
  const sent: X509Certificate[] = [];
  for (let next = socket.getPeerX509Certificate(); next; next = next.issuerCertificate) sent.push(next);
  return sent;
}

function isCurrent({ validFrom, validTo }: X509Certificate): boolean {
  return Date.parse(validFrom) <= Date.now() && Date.now() <= Date.parse(validTo);
}
