/**
 * The kinds of handshake whose memory is measured, made to fail and searched: each with its server (openssl
 * s_server, started when it is first needed), what the device has in flash, and how it connects.
 */
import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Connection } from "../device/tls-connections.js";
import { type Certificate, clientAuth, pinOf, strangePins, TestCA } from "./pki.js";
import { opensslServer, type Server } from "./servers.js";

type Version = Connection["version"];

interface Kind {
  readonly server: keyof typeof servers;
  readonly version: Version;
  /** Beside port and version; what is named is in flash. */
  readonly device: Omit<Connection, "port" | "version" | "seal">;
  /** The connection before it is a full handshake, whose session it takes up. */
  readonly resumes?: true;
}

const pskIdentity = "dormouse-1";
const psk = { identity: pskIdentity, key: "psk" };

/** What servers there are: their certificate, and what openssl s_server is told. */
const servers = {
  ecdsa: ["ecdsa", []],
  rsa: ["rsa", []],
  client: ["ecdsa", ["-Verify", "1", "-verify_return_error"]],
  psk: ["ecdsa", ["-psk_identity", pskIdentity]],
} as const;

const kinds = {
  "1.3 ECDSA": { server: "ecdsa", version: "1.3", device: { ca: "ca" } },
  "1.3 RSA": { server: "rsa", version: "1.3", device: { ca: "ca-rsa" } },
  "1.3 resumed": { server: "ecdsa", version: "1.3", device: { ca: "ca" }, resumes: true },
  "1.3 PSK": { server: "psk", version: "1.3", device: { psk } },
  "1.3 client certificate": {
    server: "client",
    version: "1.3",
    device: { ca: "ca", identity: { certificate: "client", key: "client-key" } },
  },
  "1.3 client certificate, RSA": {
    server: "client",
    version: "1.3",
    device: { ca: "ca", identity: { certificate: "client-rsa", key: "client-rsa-key" } },
  },
  "1.3 client certificate, resumed": {
    server: "client",
    version: "1.3",
    device: { ca: "ca", identity: { certificate: "client", key: "client-key" } },
    resumes: true,
  },
  "1.3 CA and pins": {
    server: "ecdsa",
    version: "1.3",
    device: { ca: "ca", pins: [strangePins[0] as string] },
  },
  "1.3 CA and CRL": { server: "ecdsa", version: "1.3", device: { ca: "ca", crl: "crl" } },
  "1.2 ECDHE-ECDSA": { server: "ecdsa", version: "1.2", device: { ca: "ca" } },
  "1.2 ECDHE-RSA": { server: "rsa", version: "1.2", device: { ca: "ca-rsa" } },
  "1.2 resumed": { server: "ecdsa", version: "1.2", device: { ca: "ca" }, resumes: true },
  "1.2 ECDHE-PSK": { server: "psk", version: "1.2", device: { psk } },
  "1.2 client certificate": {
    server: "client",
    version: "1.2",
    device: { ca: "ca", identity: { certificate: "client", key: "client-key" } },
  },
  "1.2 client certificate, RSA": {
    server: "client",
    version: "1.2",
    device: { ca: "ca", identity: { certificate: "client-rsa", key: "client-rsa-key" } },
  },
} as const satisfies Readonly<Record<string, Kind>>;

export type HandshakeName = keyof typeof kinds;
export const handshakeNames = Object.keys(kinds) as HandshakeName[];

/** What only the device and its server know; a test looks for it in memory. */
export interface Secrets {
  readonly psk: Uint8Array;
  readonly seal: Uint8Array;
  readonly clientKey: Certificate;
  readonly clientKeyRsa: Certificate;
}

export class Handshakes {
  readonly #certificates: Readonly<Record<"ecdsa" | "rsa", Certificate>>;
  readonly #ca: TestCA;
  readonly #running = new Map<string, Promise<Server>>();
  /** For a device's flash. */
  readonly flash: Readonly<Record<string, Uint8Array>>;
  readonly secrets: Secrets;

  constructor(folder: string) {
    const ca = new TestCA(folder, "ca");
    const caRsa = new TestCA(folder, "ca-rsa", { kind: "rsa" });
    const otherCa = new TestCA(folder, "ca-other");
    const clientKey = ca.issue("client", { subject: "/CN=dormouse-1", extensions: clientAuth });
    const clientKeyRsa = ca.issue("client-rsa", {
      kind: "rsa",
      subject: "/CN=dormouse-1",
      extensions: clientAuth,
    });
    this.#ca = ca;
    const ecdsa = ca.issue("ecdsa");
    this.#certificates = { ecdsa, rsa: caRsa.issue("rsa", { kind: "rsa" }) };
    this.secrets = { psk: randomBytes(32), seal: randomBytes(32), clientKey, clientKeyRsa };
    this.flash = {
      ca: derOf(ca),
      "ca-rsa": derOf(caRsa),
      "ca-other": derOf(otherCa),
      crl: derOfPem(ca.revocations([ca.issue("gone")])),
      "crl-ecdsa": derOfPem(ca.revocations([ecdsa])),
      client: derOf(clientKey),
      "client-key": keyOf(clientKey),
      "client-rsa": derOf(clientKeyRsa),
      "client-rsa-key": keyOf(clientKeyRsa),
      "client-key-pem": readFileSync(clientKey.key),
      psk: this.secrets.psk,
      "psk-other": randomBytes(32),
      seal: this.secrets.seal,
    };
  }

  /** Whether a full handshake with the same settings goes before. */
  resumes(name: HandshakeName): boolean {
    return "resumes" in kinds[name];
  }

  async connection(name: HandshakeName): Promise<Connection> {
    const { server, version, device }: Kind = kinds[name];
    const { port } = await this.#server(server, version, "-rev");
    const pins = device.pins && [...device.pins, pinOf(this.#certificates.ecdsa)];
    // sessions are kept wherever they can be, as firmware does it by default
    return { port, version, ...device, ...(pins && { pins }), seal: "seal" };
  }

  /** Of a server for the same handshake that says nothing afterwards. */
  async silentPort(name: HandshakeName): Promise<number> {
    const { server, version }: Kind = kinds[name];
    return (await this.#server(server, version)).port;
  }

  async stop(): Promise<void> {
    for (const server of this.#running.values()) await (await server).stop();
  }

  #server(name: keyof typeof servers, version: Version, ...more: readonly string[]): Promise<Server> {
    const id = [name, version, ...more].join(" ");
    const running = this.#running.get(id);
    if (running) return running;
    const [certificate, options] = servers[name];
    const started = opensslServer(this.#certificates[certificate], version, [
      ...more,
      ...options,
      ...(name === "client" ? ["-CAfile", this.#ca.certificate] : []),
      ...(name === "psk" ? ["-psk", Buffer.from(this.secrets.psk).toString("hex")] : []),
    ]);
    this.#running.set(id, started);
    return started;
  }
}

function derOf({ certificate }: { readonly certificate: string }): Uint8Array {
  return new X509Certificate(readFileSync(certificate)).raw;
}

function derOfPem(pem: string): Uint8Array {
  return Buffer.from(pem.replace(/-----[A-Z0-9 ]+-----/g, ""), "base64");
}

function keyOf({ key }: Certificate): Uint8Array {
  return createPrivateKey(readFileSync(key)).export({ format: "der", type: "pkcs8" });
}
