/**
 * One board is given one device: what the register and the keyring hold is written before the board could go on without
 * it, and taken back when the board never got it. A board that was left between its commit and the last proof is
 * completed by its proofs.
 */
import { randomBytes } from "node:crypto";
import type { Fleet } from "../../backend/fleet/fleet.js";
import { type DeviceRow, NoSuchRow } from "../../backend/fleet/register.js";
import { KeyringError } from "../../backend/keyring.js";
import { nodeCrypto } from "../../backend/node-crypto.js";
import { OpenToOthers } from "../../backend/secret-file.js";
import { issueForRequest, openIssuing } from "../../certs/pki/authority.js";
import type { CertificateFacts } from "../../certs/pki/facts.js";
import type { DeviceCertificate } from "../../certs/pki/request.js";
import { lifetimeDays } from "../../certs/pki/validity.js";
import { HostFailure } from "../../lib/provisioning/host-failure.js";
import {
  type DeviceIdentity,
  type EntryName,
  entryNames,
  type Info,
} from "../../lib/provisioning/messages.js";
import { proveKeys, type Verifier } from "../../lib/provisioning/proving.js";
import {
  checkBoard,
  lockedFailure,
  type Made,
  type ProvisioningHooks,
  type ProvisioningPlan,
  provision,
  restart,
} from "../../lib/provisioning/provision.js";
import { OperatorError } from "../report.js";
import type { Board } from "./board.js";
import { checkIdentity, knownKeys, pointHash } from "./known-keys.js";
import { certificateFacts, type Prepared } from "./prepare.js";
import { hex } from "./shown.js";
import type { Provisioned, Tell } from "./told.js";

export interface Provisioner {
  readonly fleet: Fleet;
  /** The folder of the authority that issues. */
  readonly certs: string;
  readonly tell: Tell;
}

export const verifier: Verifier = {
  crypto: nodeCrypto,
  verifySignature(point, data, signature) {
    try {
      return nodeCrypto.verify(nodeCrypto.importVerifyingKey(point), data, signature);
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
  },
};

export function isPending({ device }: Info, id: string, { register }: Fleet): boolean {
  return device?.id === id && register.find(id, device.epoch)?.state === "pending";
}

/** Before anything is erased. @throws {OperatorError} when certificates are to be issued, and nobody can */
export async function checkAuthority(folder: string, prepared: readonly Prepared[]): Promise<void> {
  if (!prepared.some(({ generate }) => generate.includes("tls-key"))) return;
  try {
    await openIssuing(folder);
  } catch (error) {
    throw new OperatorError(
      `--certs ${folder}: ${(error as Error).message}: "dormouse certs init" makes an authority that issues`,
    );
  }
}

/** @throws {HostFailure | OperatorError} */
export async function provisionBoard(
  port: string,
  board: Board,
  prepared: Prepared,
  by: Provisioner,
): Promise<Provisioned> {
  const { info } = board;
  const { board: name, firmware, mac, state } = info;
  by.tell({ event: "board", port, board: name, firmware, mac, state });
  if (info.state === "locked") {
    const row = info.device && by.fleet.register.find(info.device.id, info.device.epoch);
    if (row?.state !== "pending" || row.id !== prepared.deviceId) throw lockedFailure(info);
    return completeByProofs(board, info.device!, row, prepared, by);
  }
  checkBoard(info, prepared);
  return provisionAnew(port, board, prepared, by);
}

async function provisionAnew(
  port: string,
  board: Board,
  prepared: Prepared,
  by: Provisioner,
): Promise<Provisioned> {
  const { fleet, tell } = by;
  const { profile, deviceId: id } = prepared;
  const { mac, board: name, firmware } = board.info;
  const shortKid = profile.device.kid;
  const row = fleet.begin({
    id,
    origin: "serial",
    shortKid,
    mac,
    board: name,
    firmware,
    profile: prepared.path,
  });
  const secret = new Uint8Array(randomBytes(32));
  const entries = new Map<EntryName, Uint8Array>(prepared.entries).set("secret", secret);
  const plan: ProvisioningPlan = { ...prepared, entries, epoch: row.epoch };
  const given = entries.get("tls-cert");
  let certificate: CertificateFacts | undefined = given && (await certificateFacts(given));
  let mayBeCommitted = false;
  const hooks: ProvisioningHooks = {
    ...verifier,
    async issue(csr, point) {
      const made = await issued(by.certs, csr, point, id);
      certificate = made.facts;
      // First of all: what is not in the register, nobody could revoke.
      fleet.register.issued(row, made.facts);
      return made.chain;
    },
    async beforeCommit(made) {
      await keep(by, row, prepared, made, certificate);
      fleet.register.committing(row);
      mayBeCommitted = true;
    },
    progress: (progress) => tell({ event: "progress", port, id, ...progress }),
  };
  try {
    const missing = await fleet.addKeys({ profile, epoch: row.epoch, secret, signPoint: null });
    if (missing !== undefined)
      tell({
        event: "notice",
        id,
        text: `${fleet.keyring} has no private key of ${missing}, to whom it seals: its messages are opened where that key is`,
      });
    const device = await provision(board.client, plan, hooks);
    const kept = fleet.register.find(id, row.epoch);
    if (!kept) throw new NoSuchRow(row);
    checkIdentity(kept, device);
    await fleet.complete(row);
    const wrote = entryNames.filter((entry) => entries.has(entry) || (entry === "tls-cert" && certificate));
    return provisionedOf(kept, prepared, wrote, false);
  } catch (error) {
    // Where that fails too, a row is left that says nothing wrong: nobody has seen this epoch complete.
    if (!mayBeCommitted) await fleet.withdraw(row).catch(() => {});
    if (error instanceof NoSuchRow)
      throw new OperatorError(
        `${port}: another run has provisioned ${id} meanwhile: give this board an id of its own, or provision it again`,
      );
    throw keyringLine(error);
  } finally {
    secret.fill(0);
  }
}

/** Before the commit: what receivers need of the keys that the board made, and who its certificate is. */
async function keep(
  { fleet }: Provisioner,
  row: DeviceRow,
  { profile, publicKeys }: Prepared,
  { points }: Made,
  certificate: CertificateFacts | undefined,
): Promise<void> {
  if (certificate) fleet.register.issued(row, certificate);
  const signPoint = points.get("sign-key") ?? publicKeys.get("sign-key");
  if (!signPoint) return;
  fleet.register.signsWith(row, signPoint);
  await fleet.addKeys({ profile, epoch: row.epoch, secret: null, signPoint });
}

async function issued(
  folder: string,
  csr: Uint8Array,
  point: Uint8Array,
  id: string,
): Promise<DeviceCertificate> {
  let made: DeviceCertificate;
  try {
    made = await issueForRequest(folder, Uint8Array.from(csr), { id, days: lifetimeDays.device });
  } catch (error) {
    if (error instanceof RangeError)
      throw new OperatorError(`the certificate is not issued: ${error.message}`);
    throw error;
  }
  if (made.facts.point !== hex(point))
    throw new HostFailure("not-as-told", "the board requests a certificate for another key than it says");
  return made;
}

/** The board has it all, and nobody has seen it prove that. */
async function completeByProofs(
  { client }: Board,
  device: DeviceIdentity,
  row: DeviceRow,
  prepared: Prepared,
  { fleet }: Provisioner,
): Promise<Provisioned> {
  checkIdentity(row, device);
  const psk = prepared.entries.get("tls-psk");
  const known = knownKeys(fleet, row);
  try {
    await proveKeys(client, row.id, { ...known, ...(psk && { psk }) }, verifier);
  } finally {
    known.secret.fill(0);
  }
  await fleet.complete(row);
  await restart(client);
  return provisionedOf(row, prepared, [], true);
}

function provisionedOf(
  { id, epoch, kid, mac, certificate, signPoint }: DeviceRow,
  { profile, generate }: Prepared,
  wrote: readonly EntryName[],
  resumed: boolean,
): Provisioned {
  return {
    id,
    epoch,
    kid,
    mac,
    certificate: certificate
      ? {
          serial: certificate.serial,
          sha256: certificate.fingerprint,
          notAfter: new Date(certificate.notAfterMs).toISOString(),
        }
      : null,
    signKeySha256: signPoint === null ? null : pointHash(signPoint),
    wrote,
    made: generate,
    topic: profile.topics.readings,
    resumed,
  };
}

function keyringLine(error: unknown): unknown {
  return error instanceof KeyringError || error instanceof OpenToOthers
    ? new OperatorError(error.message)
    : error;
}
