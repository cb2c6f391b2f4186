/**
 * A certificate authority kept in a folder:
 *   ca/             root.pem root.der root.key.pem issuing.pem issuing.key.pem crl.pem
 *   servers/NAME/   chain.pem certificate.pem key.pem
 *   devices/ID/     chain.pem certificate.pem key.pem certificate.der key.der
 * Each of these folders appears whole or not at all. Keys are 0600 and never overwritten unless `replace`.
 * The root's key is needed only by `createAuthority`: it may be moved away afterwards.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { issueCrl } from "./crl.js";
import { checkDeviceId } from "./device-id.js";
import { type Certified, issueDevice, issueIssuing, issueRoot, issueServer, type Validity } from "./issue.js";
import type { AltName } from "./names.js";
import { fromPem, pem } from "./pem.js";
import { type NewFile, publishFolder } from "./publish-folder.js";
import { certifyRequest, type DeviceCertificate } from "./request.js";
import { validFor } from "./validity.js";

export interface AuthorityFiles {
  readonly folder: string;
  readonly root: string;
  readonly rootDer: string;
  readonly rootKey: string;
  readonly issuing: string;
  readonly issuingKey: string;
  /** What the issuing CA has revoked. */
  readonly crl: string;
}

export interface IssuedFiles {
  readonly folder: string;
  /** The certificate, then the issuing CA: what a TLS server or client sends. */
  readonly chain: string;
  readonly certificate: string;
  readonly key: string;
}

function open(name: string, content: string | Uint8Array): NewFile {
  return { name, content, isPrivate: false };
}

function secret(name: string, content: string | Uint8Array): NewFile {
  return { name, content, isPrivate: true };
}

export function authorityFiles(folder: string): AuthorityFiles {
  const ca = join(folder, "ca");
  return {
    folder: ca,
    root: join(ca, "root.pem"),
    rootDer: join(ca, "root.der"),
    rootKey: join(ca, "root.key.pem"),
    issuing: join(ca, "issuing.pem"),
    issuingKey: join(ca, "issuing.key.pem"),
    crl: join(ca, "crl.pem"),
  };
}

function issuedFiles(folder: string): IssuedFiles {
  return {
    folder,
    chain: join(folder, "chain.pem"),
    certificate: join(folder, "certificate.pem"),
    key: join(folder, "key.pem"),
  };
}

/** What is made here must not be committed, wherever the folder lies. */
async function ignoreInGit(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, ".gitignore"), "*\n", { flag: "wx" }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}

/**
 * Makes a root and an issuing CA.
 * @throws {FolderExists} when there is one already and `replace` is false
 */
export async function createAuthority(
  folder: string,
  { name, root, issuing, replace }: { name: string; root: Validity; issuing: Validity; replace: boolean },
): Promise<AuthorityFiles> {
  const top = await issueRoot(name, root);
  const below = await issueIssuing(name, top, issuing);
  const none = { number: 1, thisUpdateMs: issuing.notBefore.getTime(), revoked: [] };
  const files = authorityFiles(folder);
  await ignoreInGit(folder);
  await publishFolder(
    files.folder,
    [
      open("root.pem", pem("CERTIFICATE", top.certificate)),
      open("root.der", top.certificate),
      secret("root.key.pem", pem("PRIVATE KEY", top.key)),
      open("issuing.pem", pem("CERTIFICATE", below.certificate)),
      secret("issuing.key.pem", pem("PRIVATE KEY", below.key)),
      open("crl.pem", pem("X509 CRL", await issueCrl(below, none))),
    ],
    replace,
  );
  return files;
}

/** @throws {RangeError} when the folder holds no issuing CA that can be read */
export async function openIssuing(folder: string): Promise<Certified> {
  const files = authorityFiles(folder);
  const read = async (label: "CERTIFICATE" | "PRIVATE KEY", path: string) => {
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT")
        throw new RangeError(`no certificate authority in ${folder} (${path} is missing)`);
      throw error;
    });
    const blocks = fromPem(label, text);
    if (blocks.length !== 1) throw new RangeError(`${path} must hold one ${label.toLowerCase()}`);
    return blocks[0]!;
  };
  return {
    certificate: await read("CERTIFICATE", files.issuing),
    key: await read("PRIVATE KEY", files.issuingKey),
  };
}

function leafFiles(leaf: Certified, issuing: Certified): NewFile[] {
  const certificate = pem("CERTIFICATE", leaf.certificate);
  return [
    open("certificate.pem", certificate),
    open("chain.pem", certificate + pem("CERTIFICATE", issuing.certificate)),
    secret("key.pem", pem("PRIVATE KEY", leaf.key)),
  ];
}

/** Issues a server certificate into servers/FIRST-NAME (`*` and `:` are spelled `_`), for `key` or a new one. */
export async function createServer(
  folder: string,
  {
    names,
    validity,
    replace,
    key,
  }: {
    names: readonly AltName[];
    validity: Validity;
    replace: boolean;
    key?: Uint8Array<ArrayBuffer> | undefined;
  },
): Promise<IssuedFiles> {
  const issuing = await openIssuing(folder);
  const leaf = await issueServer(issuing, names, validity, key);
  const files = issuedFiles(join(folder, "servers", names[0]!.value.replace(/[^a-z0-9.-]/g, "_")));
  await publishFolder(files.folder, leafFiles(leaf, issuing), replace);
  return files;
}

/** Issues a device certificate into devices/ID, in PEM for tools and in DER for the board's flash. */
export async function createDevice(
  folder: string,
  { id, validity, replace }: { id: string; validity: Validity; replace: boolean },
): Promise<IssuedFiles> {
  const issuing = await openIssuing(folder);
  const leaf = await issueDevice(issuing, checkDeviceId(id), validity);
  const files = issuedFiles(join(folder, "devices", id));
  await publishFolder(
    files.folder,
    [...leafFiles(leaf, issuing), open("certificate.der", leaf.certificate), secret("key.der", leaf.key)],
    replace,
  );
  return files;
}

/**
 * Issues a device's certificate for the key that it made itself; nothing is written.
 * @param request PKCS #10, DER
 * @throws {RangeError} when the folder has no issuing CA, or the request is not one of that device
 */
export async function issueForRequest(
  folder: string,
  request: Uint8Array<ArrayBuffer>,
  { id, days }: { readonly id: string; readonly days: number },
): Promise<DeviceCertificate> {
  const validity = validFor(days, Date.now());
  return certifyRequest(await openIssuing(folder), request, { id, validity });
}
