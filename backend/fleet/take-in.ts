/** Takes a device that was provisioned elsewhere into a fleet: its row in the register, its keys in the keyring. */
import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import { type CertificateFacts, certificateFacts } from "../../certs/pki/facts.js";
import { fromPem } from "../../certs/pki/pem.js";
import type { Fleet } from "./fleet.js";
import type { ProvisionedFile } from "./provisioned-file.js";
import type { DeviceRow } from "./register.js";

/**
 * What its board has not proved yet is a pending row, as that of a session of `dormouse provision` that broke off: the
 * board's proofs complete it, or the file that the page gives after them.
 * @returns its row, and the name of the recipient whose private key the keyring has not
 * @throws {RangeError} when the device had that epoch or a later one already, or its certificate is none
 * @throws {KeyringError | OpenToOthers} when the keyring cannot take it
 */
export async function takeIn(
  fleet: Fleet,
  file: ProvisionedFile,
): Promise<{ readonly row: DeviceRow; readonly missing: string | undefined }> {
  const { id, epoch, mac, board, firmware, profile, profileName } = file;
  const certificate =
    file.certificate === undefined ? undefined : fromPem("CERTIFICATE", file.certificate)[0];
  const facts = certificate && (await certificateFacts(certificate));
  const secret = bytesOf(file.secret);
  const { register } = fleet;
  try {
    if (file.state !== "unproved" && isProvedNow(fleet, file, secret, facts)) {
      await fleet.complete(file);
      return { row: register.find(id, epoch)!, missing: undefined };
    }
    const shortKid = profile.device.kid;
    const device = { id, origin: "browser", shortKid, mac, board, firmware, profile: profileName } as const;
    const row = register.begin(device, epoch - 1);
    try {
      if (row.epoch !== epoch)
        throw new RangeError(
          `the register has ${id} with epoch ${row.epoch - 1} already, and this is epoch ${epoch}`,
        );
      const signPoint = file.signPoint === undefined ? null : bytesOf(file.signPoint);
      const missing = await fleet.addKeys({ profile, epoch, secret, signPoint });
      if (facts) register.issued(row, facts);
      if (signPoint) register.signsWith(row, signPoint);
      if (file.state !== "unproved") await fleet.complete(row);
      return { row: register.find(id, epoch)!, missing };
    } catch (error) {
      await fleet.withdraw(row);
      throw error;
    }
  } finally {
    secret.fill(0);
  }
}

/** Whether it was taken in before its board had proved it: the same secret, certificate and signing key. */
function isProvedNow(
  fleet: Fleet,
  { id, epoch, signPoint }: ProvisionedFile,
  secret: Uint8Array,
  facts: CertificateFacts | undefined,
): boolean {
  const row = fleet.register.find(id, epoch);
  if (row?.state !== "pending") return false;
  const kept = fleet.secretOf(row);
  if (!kept) return false;
  try {
    return (
      timingSafeEqual(kept, secret) &&
      row.signPoint === (signPoint ?? null) &&
      row.certificate?.fingerprint === facts?.fingerprint
    );
  } finally {
    kept.fill(0);
  }
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}
