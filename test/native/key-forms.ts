/** One private key in the forms that people have them in, and the encrypted ones that a device refuses. */
import { readFileSync } from "node:fs";
import { openssl } from "./pki.js";

/** What an attempt takes: PEM as text, DER as hex. */
export function der(path: string): string {
  return `hex:${readFileSync(path).toString("hex")}`;
}

export function certificateDer(path: string): string {
  openssl(["x509", "-in", path, "-outform", "DER", "-out", `${path}.der`]);
  return der(`${path}.der`);
}

/** PKCS #8, and what came before it: SEC1 (RFC 5915) for elliptic curves, PKCS #1 for RSA. */
export function plainForms(key: string): ReadonlyMap<string, string> {
  const out = (suffix: string) => `${key}.${suffix}`;
  openssl(["pkey", "-in", key, "-traditional", "-out", out("old.pem")]);
  openssl(["pkey", "-in", key, "-traditional", "-outform", "DER", "-out", out("old.der")]);
  openssl(["pkcs8", "-topk8", "-nocrypt", "-in", key, "-out", out("8.pem")]);
  openssl(["pkcs8", "-topk8", "-nocrypt", "-in", key, "-outform", "DER", "-out", out("8.der")]);
  return new Map([
    ["traditional PEM", readFileSync(out("old.pem"), "utf8")],
    ["traditional DER", der(out("old.der"))],
    ["PKCS #8 PEM", readFileSync(out("8.pem"), "utf8")],
    ["PKCS #8 DER", der(out("8.der"))],
  ]);
}

export function encryptedForms(key: string): ReadonlyMap<string, string> {
  const out = (suffix: string) => `${key}.${suffix}`;
  const pass = ["-passout", "pass:a password"];
  openssl(["pkey", "-in", key, "-traditional", "-aes128", ...pass, "-out", out("old-locked.pem")]);
  openssl(["pkcs8", "-topk8", "-in", key, ...pass, "-out", out("8-locked.pem")]);
  openssl(["pkcs8", "-topk8", "-in", key, ...pass, "-outform", "DER", "-out", out("8-locked.der")]);
  return new Map([
    ["encrypted traditional PEM", readFileSync(out("old-locked.pem"), "utf8")],
    ["encrypted PKCS #8 PEM", readFileSync(out("8-locked.pem"), "utf8")],
    ["encrypted PKCS #8 DER", der(out("8-locked.der"))],
  ]);
}
