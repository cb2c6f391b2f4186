/** What the fleet knows of a device's keys, for it to prove: its secret, and public keys. */
import { createHash } from "node:crypto";
import type { Fleet } from "../../backend/fleet/fleet.js";
import type { DeviceRow } from "../../backend/fleet/register.js";
import { HostFailure } from "../../lib/provisioning/host-failure.js";
import type { DeviceIdentity } from "../../lib/provisioning/messages.js";
import type { KnownKeys } from "../../lib/provisioning/proving.js";
import { keyringProblem } from "../keys/keyring-file.js";
import { OperatorError } from "../report.js";
import { hex } from "./shown.js";

/**
 * @returns its secret is the caller's to zero
 * @throws {OperatorError} when the keyring cannot be used, or does not have it
 */
export function knownKeys(fleet: Fleet, row: DeviceRow): KnownKeys & { readonly secret: Uint8Array } {
  const { id, epoch, certificate, signPoint } = row;
  let secret: Uint8Array | undefined;
  try {
    secret = fleet.secretOf(row);
  } catch (error) {
    throw keyringProblem("", fleet.keyring, error);
  }
  if (!secret) throw new OperatorError(`${fleet.keyring} has no secret of ${id}, epoch ${epoch}`);
  return {
    secret,
    ...(certificate?.point && { "tls-key": pointOf(certificate.point) }),
    ...(signPoint !== null && { "sign-key": pointOf(signPoint) }),
  };
}

function pointOf(digits: string): Uint8Array {
  return new Uint8Array(Buffer.from(digits, "hex"));
}

/** SHA-256, hex, as the device has it. @param digits the point's */
export function pointHash(digits: string): string {
  return createHash("sha256").update(pointOf(digits)).digest("hex");
}

/** What it says of itself, before it is asked to prove anything. @throws {HostFailure} when the register says otherwise */
export function checkIdentity(row: DeviceRow, { kid, certificate, signKey }: DeviceIdentity): void {
  const wrongCertificate =
    row.certificate && (!certificate || hex(certificate) !== row.certificate.fingerprint);
  const wrongSignKey = row.signPoint !== null && (!signKey || hex(signKey) !== pointHash(row.signPoint));
  const differs =
    hex(kid) !== row.kid
      ? "kid"
      : wrongCertificate
        ? "certificate"
        : wrongSignKey
          ? "signing key"
          : undefined;
  if (differs)
    throw new HostFailure("proof-failed", `the board has another ${differs} than ${row.id} should`);
}
