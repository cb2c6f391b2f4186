/** Certificates for tests, made by openssl at test time: another implementation than the one that checks them. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type KeyKind = "ecdsa" | "rsa";

export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

export function openssl(args: readonly string[]): void {
  const { status, stderr, error } = spawnSync("openssl", args, { encoding: "utf8", timeout: 30_000 });
  if (error) throw new Error(`openssl is missing: ${error.message}`);
  if (status !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
}

function newKey(kind: KeyKind, path: string): void {
  if (kind === "ecdsa") openssl(["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path]);
  else openssl(["genrsa", "-out", path, "2048"]);
}

/** A self-signed CA; `pem` is what a device trusts. */
export class TestCA {
  readonly #folder: string;
  readonly #name: string;
  readonly pem: string;

  constructor(folder: string, name = "ca", kind: KeyKind = "ecdsa") {
    this.#folder = folder;
    this.#name = name;
    newKey(kind, this.#path("key"));
    const subject = ["-subj", "/CN=Test CA", "-days", "3650", "-out", this.#path("pem")];
    openssl(["req", "-x509", "-new", "-key", this.#path("key"), ...subject]);
    this.pem = readFileSync(this.#path("pem"), "utf8");
  }

  #path(suffix: string): string {
    return join(this.#folder, `${this.#name}.${suffix}`);
  }

  /**
   * @param extensions lines of an openssl extension section; by default a server for localhost and 127.0.0.1
   * @param issuer another signer than this CA
   */
  issue(
    name: string,
    kind: KeyKind,
    extensions = ["subjectAltName=DNS:localhost,IP:127.0.0.1", "extendedKeyUsage=serverAuth"],
    issuer: Certificate = { certificate: this.#path("pem"), key: this.#path("key") },
  ): Certificate {
    const at = (suffix: string) => join(this.#folder, `${name}.${suffix}`);
    newKey(kind, at("key"));
    const subject = extensions.some((line) => line.includes("CA:"))
      ? "/CN=Test intermediate"
      : "/CN=localhost";
    openssl(["req", "-new", "-key", at("key"), "-subj", subject, "-out", at("csr")]);
    writeFileSync(at("ext"), `${extensions.join("\n")}\n`);
    const signer = ["-CA", issuer.certificate, "-CAkey", issuer.key, "-CAcreateserial"];
    const more = ["-days", "20", "-extfile", at("ext"), "-out", at("pem")];
    openssl(["x509", "-req", "-in", at("csr"), ...signer, ...more]);
    return { certificate: at("pem"), key: at("key") };
  }
}
