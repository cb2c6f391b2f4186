/** What the end-to-end tests of TLS share: a PKI, a device's identities, and the run of a device that has them. */
import { spawnSync } from "node:child_process";
import { createHash, randomBytes, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAuthority, createDevice, createServer } from "../../certs/pki/authority.js";
import type { Validity } from "../../certs/pki/issue.js";
import { altName } from "../../certs/pki/names.js";
import { fromPem } from "../../certs/pki/pem.js";
import { defaultTls } from "../../cli/profile/check.js";
import { simOptions } from "../../cli/sim.js";
import type { BoardName } from "../../host-sim/board.js";
import type { Disturbance } from "../../host-sim/disturbance.js";
import type { RunEvent } from "../../host-sim/report/events.js";
import type { TlsCredentials, TrustAnchor } from "../../host-sim/sim-options.js";
import type { Profile, TlsSettings } from "../../lib/store/profile.js";
import { eager, only, run } from "./run.js";
import type { ListenerSpec, ServerCertificate } from "./tls-mosquitto.js";

/** As in profiles/simulator.json. */
export const deviceId = "dormouse-1";

export type IdentityName = "none" | "P-256" | "RSA-2048" | "PSK";

export interface Identity {
  readonly settings: Pick<TlsSettings, "identity" | "pskIdentity">;
  readonly credentials: TlsCredentials;
  /** The name that a broker takes from it. */
  readonly name: string;
}

const noCredentials: TlsCredentials = { crl: null, certificate: null, key: null, psk: null };

/** As long as the development PKI's. */
const validity: Validity = { notBefore: new Date("2025-01-01"), notAfter: new Date("2044-12-31") };

/** An authority in a folder of its own, a broker's certificate for localhost, and a device's identities. */
export class Pki implements ServerCertificate {
  readonly folder: string;
  readonly #authority: Awaited<ReturnType<typeof createAuthority>>;
  readonly root: TrustAnchor;
  readonly issuing: TrustAnchor;
  readonly chainPem: string;
  readonly keyPem: string;
  readonly pskHex = randomBytes(32).toString("hex");

  private constructor(
    folder: string,
    authority: Awaited<ReturnType<typeof createAuthority>>,
    { chainPem, keyPem }: ServerCertificate,
  ) {
    this.folder = folder;
    this.#authority = authority;
    this.chainPem = chainPem;
    this.keyPem = keyPem;
    this.root = { pem: text(authority.root), der: readFileSync(authority.rootDer) };
    const issuingDer = join(folder, "issuing.der");
    openssl("x509", "-in", authority.issuing, "-outform", "DER", "-out", issuingDer);
    this.issuing = { pem: text(authority.issuing), der: readFileSync(issuingDer) };
  }

  static async create(name = "Burrow"): Promise<Pki> {
    const folder = mkdtempSync(join(tmpdir(), "dormouse-tls-"));
    const authority = await createAuthority(folder, {
      name,
      root: validity,
      issuing: validity,
      replace: false,
    });
    return new Pki(folder, authority, await issueServer(folder, validity));
  }

  /** The root certificate, PEM. */
  get rootFile(): string {
    return this.#authority.root;
  }

  /** Another certificate for the broker, with a key of its own. */
  server(notBefore: Date, notAfter: Date): Promise<ServerCertificate> {
    return issueServer(this.folder, { notBefore, notAfter });
  }

  /** Asks every device for its certificate. */
  get asking(): ListenerSpec {
    const { chainPem, keyPem } = this;
    return { chainPem, keyPem, deviceCaPem: this.root.pem + this.issuing.pem };
  }

  get presharing(): ListenerSpec {
    return { psks: { [deviceId]: this.pskHex } };
  }

  async identity(name: IdentityName): Promise<Identity> {
    switch (name) {
      case "none":
        return { settings: { identity: "none" }, credentials: noCredentials, name: "" };
      case "PSK": {
        const credentials = { ...noCredentials, psk: Buffer.from(this.pskHex, "hex") };
        return { settings: { identity: "psk", pskIdentity: deviceId }, credentials, name: deviceId };
      }
      default: {
        const { certificate, key } = name === "P-256" ? await this.#ecdsaDevice() : this.#rsaDevice();
        const credentials = { ...noCredentials, certificate, key };
        return { settings: { identity: "certificate" }, credentials, name: deviceId };
      }
    }
  }

  async #ecdsaDevice(): Promise<{ certificate: Uint8Array; key: Uint8Array }> {
    const { folder } = await createDevice(this.folder, { id: deviceId, validity, replace: true });
    return {
      certificate: readFileSync(join(folder, "certificate.der")),
      key: readFileSync(join(folder, "key.der")),
    };
  }

  /** Ours are all P-256: this one is made by other hands. */
  #rsaDevice(): { certificate: Uint8Array; key: Uint8Array } {
    const { issuing, issuingKey } = this.#authority;
    const at = (suffix: string) => join(this.folder, `rsa.${suffix}`);
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", at("key"));
    openssl("req", "-new", "-key", at("key"), "-subj", `/CN=${deviceId}`, "-out", at("csr"));
    writeFileSync(at("ext"), "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\n");
    const signed = ["-CA", issuing, "-CAkey", issuingKey, "-CAcreateserial", "-days", "3650"];
    const out = ["-extfile", at("ext"), "-outform", "DER", "-out", at("der")];
    openssl("x509", "-req", "-in", at("csr"), ...signed, ...out);
    return { certificate: readFileSync(at("der")), key: fromPem("PRIVATE KEY", text(at("key")))[0]! };
  }

  /** Of the first certificate's key, as OpenSSL computes it. */
  pin({ chainPem }: ServerCertificate): string {
    const spki = new X509Certificate(chainPem).publicKey.export({ type: "spki", format: "der" });
    return `sha256/${createHash("sha256").update(spki).digest("base64")}`;
  }

  /** A list of the issuing CA with the broker's certificate of `revoked` on it, DER; without a number unless given. */
  crl(revoked: ServerCertificate | null, number?: number): Uint8Array {
    const { issuing, issuingKey } = this.#authority;
    const at = (name: string) => join(this.folder, name);
    const numbered = number === undefined ? "" : `crlnumber=${at("crlnumber")}\ncrl_extensions=ext\n[ext]\n`;
    const config = `[ca]\ndefault_ca=ca\n[ca]\ndatabase=${at("index")}\ndefault_md=sha256\ndefault_crl_days=3650\n${numbered}`;
    writeFileSync(at("crl.cnf"), config);
    writeFileSync(at("index"), "");
    const digits = (number ?? 0).toString(16);
    writeFileSync(at("crlnumber"), `${digits.padStart(digits.length + (digits.length % 2), "0")}\n`);
    const ca = ["ca", "-config", at("crl.cnf"), "-cert", issuing, "-keyfile", issuingKey];
    if (revoked) {
      writeFileSync(at("revoked.pem"), revoked.chainPem);
      openssl(...ca, "-revoke", at("revoked.pem"));
    }
    openssl(...ca, "-gencrl", "-out", at("crl.pem"));
    openssl("crl", "-in", at("crl.pem"), "-outform", "DER", "-out", at("crl.der"));
    return readFileSync(at("crl.der"));
  }

  /** The same with so many certificates on it, by their serial numbers in hex. */
  largeCrl(serials: readonly string[], number: number): Uint8Array {
    const { issuing, issuingKey } = this.#authority;
    this.crl(null, number);
    const at = (name: string) => join(this.folder, name);
    const line = (serial: string) =>
      `R\t440101000000Z\t250101000000Z\t${serial.toUpperCase()}\tunknown\t/CN=x\n`;
    writeFileSync(at("index"), serials.map(line).join(""));
    writeFileSync(at("crlnumber"), `${number.toString(16).padStart(2, "0")}\n`);
    const ca = ["ca", "-config", at("crl.cnf"), "-cert", issuing, "-keyfile", issuingKey];
    openssl(...ca, "-gencrl", "-out", at("crl.pem"));
    openssl("crl", "-in", at("crl.pem"), "-outform", "DER", "-out", at("crl.der"));
    return readFileSync(at("crl.der"));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function text(path: string): string {
  return readFileSync(path, "utf8");
}

async function issueServer(folder: string, dates: Validity): Promise<ServerCertificate> {
  const names = [altName("localhost"), altName("127.0.0.1")];
  const { chain, key } = await createServer(folder, { names, validity: dates, replace: true });
  return { chainPem: text(chain), keyPem: text(key) };
}

export function openssl(...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync("openssl", args, { encoding: "utf8", timeout: 30_000 });
  if (error || status !== 0) throw new Error(`openssl ${args[0]}: ${error?.message ?? stderr}`);
  return stdout;
}

export interface TlsRun {
  readonly board?: BoardName;
  readonly cycles: number;
  readonly interval?: string;
  /** Where the device finds its broker on localhost; null: the embedded one. */
  readonly port: number | null;
  /** Where the judge listens, without TLS. */
  readonly openPort?: number;
  readonly identity: Identity;
  /** null: none is provisioned. */
  readonly ca?: TrustAnchor | null;
  readonly crl?: Uint8Array;
  readonly tls?: Partial<TlsSettings>;
  /** What else is other than in profiles/simulator.json, with MQTT 5 for a broker that is not the embedded one. */
  readonly edit?: (profile: Profile) => Profile;
  readonly disturbance?: Disturbance;
  readonly onEvent?: (event: RunEvent) => void;
  /** Random unless given. */
  readonly deviceSecret?: Uint8Array;
}

const same = (profile: Profile) => profile;

/** Runs a device that was provisioned so, and takes down how each of its handshakes went. */
export async function tlsRun(given: TlsRun) {
  const {
    board = "esp32c3",
    cycles,
    interval = "15m",
    port,
    openPort,
    identity,
    ca = null,
    crl,
    edit = same,
  } = given;
  const options = await simOptions({ board, cycles: `${cycles}`, interval });
  const { profile, secrets } = options;
  const tls = { ...defaultTls(), ...identity.settings, ...given.tls };
  const external = port !== null && {
    broker: { host: "localhost", port, tls: true, ca },
    disturbance: { listenerPort: openPort, listenerTls: null, ...given.disturbance },
  };
  const result = await run({}, given.onEvent, {
    ...options,
    ...(given.deviceSecret && { deviceSecret: given.deviceSecret }),
    disturbance: given.disturbance ?? {},
    ...external,
    profile: edit({
      ...eager(profile),
      mqtt: { ...profile.mqtt, version: port === null ? "3.1.1" : "5" },
      broker: { ...profile.broker, ...(port !== null && { host: "localhost", port }), tls },
    }),
    secrets: { ...secrets, ...identity.credentials, ...(crl && { crl }) },
  });
  const errors = only(result.events, "error").map(({ wake, kind }) => `${wake} ${kind}`);
  return { ...result, errors, handshakes: handshakes(result.events) };
}

/** e.g. "1 full", "2 resumed": the wake, and how it got its connection. */
export function handshakes(events: readonly RunEvent[]): string[] {
  return only(events, "phase")
    .filter(({ name }) => name === "secure")
    .map(({ wake, resumed }) => `${wake} ${resumed ? "resumed" : "full"}`);
}
