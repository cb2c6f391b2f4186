/** The devices' certificates that an authority's owner knows of: by the fleet's register, and in the authority's folder. */
import { X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fleetRegister } from "../../backend/fleet/fleet.js";
import { type DeviceRow, Register } from "../../backend/fleet/register.js";
import { openIssuing } from "../../certs/pki/authority.js";
import type { RevocationList } from "../../certs/pki/crl.js";
import { type CertificateFacts, certificateFacts, keyIdentifierOf } from "../../certs/pki/facts.js";
import { revokedBy } from "../../certs/pki/revocation.js";
import { OperatorError } from "../report.js";

export interface KnownCertificate extends CertificateFacts {
  readonly id: string;
  /** Of the secret that it was issued beside; null: it is not in the register. */
  readonly epoch: number | null;
  readonly mac: string;
  /** Milliseconds since 1970. */
  readonly revokedMs: number | null;
}

export interface Known {
  readonly certificates: readonly KnownCertificate[];
  readonly list: RevocationList;
}

/**
 * Those that the authority in `dir` has issued, by id, each once.
 * @throws {OperatorError} when it is none
 */
export async function knownCertificates(dir: string, fleet: string): Promise<Known> {
  try {
    const issuer = await keyIdentifierOf((await openIssuing(dir)).certificate);
    const list = await revokedBy(dir);
    const revoked = new Map(list.revoked.map(({ serial, atMs }) => [serial, atMs]));
    const found = new Map<string, Omit<KnownCertificate, "revokedMs">>();
    for (const one of [...(await inFolder(dir)), ...inRegister(fleet)])
      if (one.issuer === issuer) found.set(one.serial, one);
    const certificates = [...found.values()].map((one) => ({
      ...one,
      revokedMs: revoked.get(one.serial) ?? null,
    }));
    return { certificates: certificates.sort(byId), list };
  } catch (error) {
    throw error instanceof RangeError ? new OperatorError(error.message) : error;
  }
}

/** Without making one. */
export function registerIn(fleet: string): Register | undefined {
  return existsSync(fleetRegister(fleet)) ? new Register(fleetRegister(fleet)) : undefined;
}

function inRegister(fleet: string): Omit<KnownCertificate, "revokedMs">[] {
  const register = registerIn(fleet);
  // The newest of each device last: a certificate that was kept is its.
  const rows: DeviceRow[] = register?.list().reverse() ?? [];
  register?.close();
  return rows.flatMap(({ id, epoch, mac, certificate }) =>
    certificate ? [{ ...certificate, id, epoch, mac }] : [],
  );
}

/** What `certs device` has made. */
async function inFolder(dir: string): Promise<Omit<KnownCertificate, "revokedMs">[]> {
  const devices = join(dir, "devices");
  const ids = existsSync(devices) ? await readdir(devices) : [];
  const found: Omit<KnownCertificate, "revokedMs">[] = [];
  for (const id of ids.filter((name) => existsSync(join(devices, name, "certificate.pem")))) {
    const { raw } = new X509Certificate(await readFile(join(devices, id, "certificate.pem")));
    found.push({ ...(await certificateFacts(new Uint8Array(raw))), id, epoch: null, mac: "" });
  }
  return found;
}

function byId(a: KnownCertificate, b: KnownCertificate): number {
  return a.id === b.id ? b.notAfterMs - a.notAfterMs : a.id < b.id ? -1 : 1;
}
