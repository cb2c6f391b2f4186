/**
 * One board is given one device: plan, certificate, proofs, and what is to be kept of it, which the person has before the
 * board is told to go on with it. Everything secret is zeroed at the end, but for that.
 */

import { type ProvisionedFile, provisionedFormat } from "../../backend/fleet/provisioned-file.js";
import { type CertificateFacts, certificateFacts } from "../../certs/pki/facts.js";
import { type Certified, hexOf } from "../../certs/pki/issue.js";
import { pem } from "../../certs/pki/pem.js";
import { certifyRequest } from "../../certs/pki/request.js";
import { lifetimeDays, validFor } from "../../certs/pki/validity.js";
import type { AtProvisioning } from "../../cli/profile/at-provisioning.js";
import { planOf } from "../../cli/provision/plan.js";
import { stepLine } from "../../cli/provision/steps.js";
import { nobleCrypto } from "../../lib/crypto/noble.js";
import { HostFailure } from "../../lib/provisioning/host-failure.js";
import type { EntryName, Info } from "../../lib/provisioning/messages.js";
import { checkBoard, type ProvisioningHooks, provision } from "../../lib/provisioning/provision.js";
import { encodeKid } from "../../lib/sealed/keys.js";
import type { Profile } from "../../lib/store/profile.js";
import type { Line } from "../serial/line.js";
import { type Given, type Read, readGiven } from "./given.js";
import { derBlocks, verifySignature } from "./keys.js";

export interface Asked {
  /** The device's form, with its id. */
  readonly profile: Profile;
  /** The file's name. */
  readonly profileName: string;
  readonly atProvisioning: AtProvisioning;
  readonly epoch: number;
  readonly given: Given;
}

export interface Provisioned {
  /** Of state "unproved" before the commit. */
  readonly file: ProvisionedFile;
  /** Hex. */
  readonly kid: string;
  readonly certificate: CertificateFacts | undefined;
  /** SHA-256 of the public point, hex. */
  readonly signKey: string | undefined;
}

export interface Watching {
  /** Each step in words. */
  tell(step: string): void;
  /** The commit is next: from now on this may be all that anybody has of the board's keys, whatever is thrown. */
  keep(unproved: Provisioned): void;
}

/**
 * @returns what was kept, proved
 * @throws {RangeError} for what was typed or picked, {HostFailure} for what the board says: each in one line
 */
export async function provisionBoard(line: Line, asked: Asked, watching: Watching): Promise<Provisioned> {
  const read = await readGiven(asked.profile, asked.given);
  const secret = crypto.getRandomValues(new Uint8Array(32));
  try {
    return await withBoard(line, asked, read, secret, watching);
  } finally {
    secret.fill(0);
    for (const value of [...Object.values(read.secrets), read.issuing?.key])
      if (value instanceof Uint8Array) value.fill(0);
  }
}

async function withBoard(
  line: Line,
  { profileName, atProvisioning, epoch }: Asked,
  { profile, secrets, publicKeys, issuing }: Read,
  secret: Uint8Array,
  { tell, keep }: Watching,
): Promise<Provisioned> {
  const plan = planOf(profile, atProvisioning, secrets, publicKeys);
  const info = await line.client.hello();
  checkBoard(info, plan);
  const entries = new Map<EntryName, Uint8Array>(plan.entries).set("secret", secret);
  const { deviceId: id } = plan;
  let kept: Provisioned | undefined;
  const hooks: ProvisioningHooks = {
    crypto: nobleCrypto((bytes) => crypto.getRandomValues(new Uint8Array(bytes))),
    verifySignature,
    issue: (csr, point) => issue(issuing, csr, point, id),
    beforeCommit: async (made) => {
      const certificate = made.certificate ?? entries.get("tls-cert");
      const signPoint = made.points.get("sign-key") ?? publicKeys.get("sign-key");
      const leaf = certificate && derBlocks("CERTIFICATE", Uint8Array.from(certificate))[0]!;
      const file = fileOf(info, profile, {
        id,
        epoch,
        profileName,
        secret: hexOf(secret),
        ...(signPoint && { signPoint: hexOf(signPoint) }),
        ...(leaf && { certificate: pem("CERTIFICATE", leaf) }),
      });
      kept = {
        file,
        kid: kidOf(file),
        certificate: leaf && (await certificateFacts(leaf)),
        signKey: signPoint && (await sha256(signPoint)),
      };
      keep({ ...kept, file: { ...file, state: "unproved" } });
    },
    progress: (progress) => {
      const step = stepLine(progress);
      if (step !== undefined) tell(step);
    },
  };
  await provision(line.client, { ...plan, entries, epoch }, hooks);
  return kept!;
}

function kidOf({ id, epoch, profile }: ProvisionedFile): string {
  const { kid } = profile.device;
  return kid ?? hexOf(encodeKid({ id, epoch }));
}

async function sha256(bytes: Uint8Array): Promise<string> {
  return hexOf(new Uint8Array(await crypto.subtle.digest("SHA-256", Uint8Array.from(bytes))));
}

async function issue(
  issuing: Certified | undefined,
  csr: Uint8Array,
  point: Uint8Array,
  id: string,
): Promise<Uint8Array> {
  if (!issuing) throw new RangeError("the certificate and key of the issuing CA are missing");
  const validity = validFor(lifetimeDays.device, Date.now());
  const { chain, facts } = await certifyRequest(issuing, Uint8Array.from(csr), { id, validity });
  if (facts.point !== hexOf(point))
    throw new HostFailure("not-as-told", "the board requests a certificate for another key than it says");
  return chain;
}

function fileOf(
  { mac, board, firmware }: Info,
  profile: Profile,
  own: Pick<ProvisionedFile, "id" | "epoch" | "profileName" | "secret" | "signPoint" | "certificate">,
): ProvisionedFile {
  const { id, epoch, profileName, ...kept } = own;
  const at = new Date().toISOString();
  return {
    format: provisionedFormat,
    id,
    epoch,
    mac,
    board,
    firmware,
    at,
    profileName,
    profile,
    ...kept,
  };
}
