/**
 * The simulator's own PKI, made on first use and kept for the next run: never for a real broker, because
 * its keys lie unprotected in the working copy. Valid from 2025 to 2044 whatever the day, so that a virtual
 * clock may start in the past and run years ahead. Made again when it cannot be read.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { authorityFiles, createAuthority, createServer, openIssuing } from "./authority.js";
import { type Certified, issueDevice, type Validity } from "./issue.js";
import { altName } from "./names.js";
import { fromPem, pem } from "./pem.js";

/** The embedded broker's name in the simulated world (RFC 6761 §6.2 reserves .test). */
export const embeddedBrokerName = "broker.dormouse.test";

export interface DevelopmentPki {
  readonly rootPem: string;
  readonly rootDer: Uint8Array;
  /** The file that holds `rootPem`, for other tools. */
  readonly rootFile: string;
  readonly serverChainPem: string;
  readonly serverKeyPem: string;
}

const validity: Validity = {
  notBefore: new Date("2025-01-01T00:00:00Z"),
  notAfter: new Date("2044-12-31T00:00:00Z"),
};

const serverNames = [embeddedBrokerName, "localhost", "127.0.0.1", "::1"];

/** Reads what is there; null when it is missing, damaged or does not fit together. */
async function load(folder: string): Promise<DevelopmentPki | null> {
  const rootFile = authorityFiles(folder).root;
  const server = join(folder, "servers", embeddedBrokerName);
  try {
    const [rootPem, serverChainPem, serverKeyPem] = await Promise.all(
      [rootFile, join(server, "chain.pem"), join(server, "key.pem")].map((path) => readFile(path, "utf8")),
    );
    const rootDer = fromPem("CERTIFICATE", rootPem!)[0]!;
    const [leaf, issuing] = fromPem("CERTIFICATE", serverChainPem!).map((der) => new X509Certificate(der));
    const fits =
      issuing!.verify(new X509Certificate(rootDer).publicKey) &&
      leaf!.verify(issuing!.publicKey) &&
      serverNames.every((name) =>
        name.includes(":") || /^[0-9.]+$/.test(name) ? leaf!.checkIP(name) : leaf!.checkHost(name),
      ) &&
      leaf!.checkPrivateKey(createPrivateKey(serverKeyPem!));
    return fits
      ? { rootPem: rootPem!, rootDer, rootFile, serverChainPem: serverChainPem!, serverKeyPem: serverKeyPem! }
      : null;
  } catch {
    return null;
  }
}

async function make(folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const draft = await mkdtemp(join(dirname(folder), `.${basename(folder)}-`));
  try {
    await createAuthority(draft, {
      name: "Dormouse Development",
      root: validity,
      issuing: validity,
      replace: false,
    });
    await createServer(draft, { names: serverNames.map(altName), validity, replace: false });
    await rename(draft, folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/**
 * A certificate for one run's device, as good as the PKI itself; it is kept nowhere.
 * @param folder as for `developmentPki`, which has been there before
 * @returns PEM, the issuing CA's behind it, and the key
 */
export async function developmentDevice(folder: string, id: string): Promise<Certified> {
  const issuing = await openIssuing(folder);
  const { certificate, key } = await issueDevice(issuing, id, validity);
  const chain = pem("CERTIFICATE", certificate) + pem("CERTIFICATE", issuing.certificate);
  return { certificate: new TextEncoder().encode(chain), key };
}

/**
 * @param folder git-ignored; two processes may call this at once
 * @throws {Error} when the folder cannot be written
 */
export async function developmentPki(folder: string): Promise<DevelopmentPki> {
  const present = await load(folder);
  if (present) return present;
  try {
    await make(folder);
  } catch (error) {
    // Another process may have been first; what it made is as good.
    const theirs = await load(folder);
    if (theirs) return theirs;
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (!["ENOTEMPTY", "EEXIST"].includes(code)) throw error;
    await rm(folder, { recursive: true, force: true });
    await make(folder);
  }
  const made = await load(folder);
  if (!made) throw new Error(`the development certificates in ${folder} cannot be read back`);
  return made;
}
