/** Certificates for tests, made by openssl at test time: another implementation than the one that checks them. */
import { spawnSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type KeyKind = "ecdsa" | "p384" | "rsa" | "rsa3072" | "rsa1024";

/** Paths of PEM files. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

export interface Issue {
  /** Default ecdsa: P-256. */
  readonly kind?: KeyKind;
  /** A key file that exists already, in place of a new key. */
  readonly key?: string;
  /** Default /CN=localhost. */
  readonly subject?: string;
  /** Lines of an openssl extension section; by default a server for localhost and 127.0.0.1. */
  readonly extensions?: readonly string[];
  /** Valid from and until, in days from now; default -2 to 20. */
  readonly days?: readonly [from: number, to: number];
  readonly digest?: "sha256" | "sha384" | "sha1";
  /** Another signer than this CA. */
  readonly issuer?: Certificate;
}

export const serverFor = (...names: string[]): string[] => [
  `subjectAltName=${names.join(",")}`,
  "extendedKeyUsage=serverAuth",
];
export const clientAuth = ["extendedKeyUsage=clientAuth"];
export const isCA = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"];

export function openssl(args: readonly string[]): void {
  const { status, stderr, error } = spawnSync("openssl", args, { encoding: "utf8", timeout: 30_000 });
  if (error) throw new Error(`openssl is missing: ${error.message}`);
  if (status !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
}

/** An RSA key takes a third of a second to make. */
export function newKey(kind: KeyKind, path: string): void {
  if (kind === "ecdsa") openssl(["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path]);
  else if (kind === "p384") openssl(["ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", path]);
  else openssl(["genrsa", "-out", path, { rsa: "2048", rsa3072: "3072", rsa1024: "1024" }[kind]]);
}

/** The certificate's pin, by node:crypto: sha256/BASE64 of its SubjectPublicKeyInfo. */
export function pinOf({ certificate }: Pick<Certificate, "certificate">): string {
  const { publicKey } = new X509Certificate(readFileSync(certificate));
  const spki = publicKey.export({ type: "spki", format: "der" });
  return `sha256/${createHash("sha256").update(spki).digest("base64")}`;
}

function pinOfNobody(name: string): string {
  return `sha256/${createHash("sha256").update(name).digest("base64")}`;
}

/** Pins of keys that nobody has. */
export const strangePin = pinOfNobody("nobody");
export const strangePins: readonly string[] = [strangePin, pinOfNobody("no one")];

/** One file with all of them, the first one first. */
export function chainFile(path: string, certificates: readonly Certificate[]): string {
  writeFileSync(path, certificates.map(({ certificate }) => readFileSync(certificate, "utf8")).join(""));
  return path;
}

/** GeneralizedTime. */
function dateIn(days: number): string {
  const date = new Date(Date.now() + days * 86_400_000).toISOString();
  return `${date.slice(0, 19).replace(/[-T:]/g, "")}Z`;
}

/** A self-signed CA; `pem` is what a device trusts. */
export class TestCA implements Certificate {
  readonly #folder: string;
  readonly #config: string;
  readonly key: string;
  readonly certificate: string;
  readonly pem: string;

  constructor(folder: string, name = "ca", options: Omit<Issue, "issuer"> = {}) {
    const { kind = "ecdsa", subject = "/CN=Test CA", extensions = isCA, days = [-2, 3650] } = options;
    const path = (suffix: string) => join(folder, `${name}.${suffix}`);
    this.#folder = folder;
    this.key = options.key ?? path("key");
    this.certificate = path("pem");
    this.#config = this.#configFor(name, "");
    const own = ["-selfsign", "-keyfile", this.key];
    this.#sign(name, own, { ...options, kind, subject, extensions, days, key: this.key });
    this.pem = readFileSync(this.certificate, "utf8");
  }

  /** A certificate as `options` say, signed as `signer` says. */
  #sign(name: string, signer: readonly string[], options: Issue & { readonly key: string }): void {
    const { kind = "ecdsa", subject = "/CN=localhost", digest = "sha256", key } = options;
    const { extensions = serverFor("DNS:localhost", "IP:127.0.0.1"), days = [-2, 20] } = options;
    const at = (suffix: string) => join(this.#folder, `${name}.${suffix}`);
    if (!existsSync(key)) newKey(kind, key);
    openssl(["req", "-new", "-key", key, "-subj", subject, "-out", at("csr")]);
    writeFileSync(at("ext"), `${extensions.join("\n")}\n`);
    const times = ["-startdate", dateIn(days[0]), "-enddate", dateIn(days[1])];
    const files = ["-in", at("csr"), "-extfile", at("ext"), "-out", at("pem")];
    this.#ca([...signer, ...files, ...times, "-md", digest]);
  }

  /** What `openssl ca` wants to know; `index` is its list of certificates. */
  #configFor(name: string, index: string): string {
    const path = (suffix: string) => join(this.#folder, `${name}.${suffix}`);
    const lines = [
      "[ca]",
      "default_ca=all",
      "[all]",
      `database=${path("index")}`,
      `crlnumber=${path("crlnumber")}`,
      `new_certs_dir=${this.#folder}`,
      "rand_serial=yes",
      "unique_subject=no",
      "default_md=sha256",
      "policy=any",
      "[any]",
      "commonName=optional",
    ];
    writeFileSync(path("index"), index);
    writeFileSync(path("crlnumber"), "01\n");
    writeFileSync(path("cnf"), `${lines.join("\n")}\n`);
    return path("cnf");
  }

  #ca(args: readonly string[], config = this.#config): void {
    openssl(["ca", "-batch", "-notext", "-config", config, ...args]);
  }

  issue(name: string, options: Issue = {}): Certificate {
    const at = (suffix: string) => join(this.#folder, `${name}.${suffix}`);
    const key = options.key ?? at("key");
    this.#sign(name, signedBy(options.issuer ?? this), { ...options, key });
    return { certificate: at("pem"), key };
  }

  /** An intermediate CA under this one. */
  intermediate(name: string, options: Issue = {}): Certificate {
    return this.issue(name, { subject: `/CN=Test ${name}`, extensions: isCA, ...options });
  }

  /** PEM of a CRL with these certificates on it and no others; signed by this CA, or by another in its name. */
  revocations(revoked: readonly Certificate[], signer: Certificate = this, validDays = 30): string {
    const name = `crl-${process.hrtime.bigint()}`;
    const index = revoked.map(({ certificate }) => {
      const { serialNumber } = new X509Certificate(readFileSync(certificate));
      return `R\t${dateIn(20).slice(2)}\t${dateIn(-1).slice(2)}\t${serialNumber}\tunknown\t/CN=x\n`;
    });
    const out = join(this.#folder, `${name}.pem`);
    const config = this.#configFor(name, index.join(""));
    this.#ca([...signedBy(signer), "-gencrl", "-crldays", `${validDays}`, "-out", out], config);
    return readFileSync(out, "utf8");
  }
}

/** A server's certificate that is its own issuer. */
export function selfSigned(folder: string, name: string): Certificate {
  return new TestCA(folder, name, { subject: "/CN=localhost", extensions: serverFor("DNS:localhost") });
}

function signedBy({ certificate, key }: Certificate): readonly string[] {
  return ["-cert", certificate, "-keyfile", key];
}
