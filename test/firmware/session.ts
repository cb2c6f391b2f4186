/** What a board is given in tests of the firmware: a profile by PSK for one without P-256, else keys that it makes itself. */
import { nodeCrypto } from "../../backend/node-crypto.js";
import type { BoardName } from "../../host-sim/board.js";
import type { ProvisioningClient } from "../../lib/provisioning/client.js";
import type { DeviceIdentity, EntryName } from "../../lib/provisioning/messages.js";
import { type ProvisioningPlan, provision } from "../../lib/provisioning/provision.js";
import { ca, certificateOf, certifiedPlan, profileBytes, pskPlan } from "../lib/provisioning/bench.js";

/** A certificate and the issuing CA's, as PEM, have so many bytes. */
const chainBytes = 1600;

export function planFor(board: BoardName): ProvisioningPlan {
  const { profile, entries, generate, epoch } = board === "esp8266" ? pskPlan : certifiedPlan;
  return {
    deviceId: profile.device.id,
    epoch,
    keepWifi: false,
    entries: new Map<EntryName, Uint8Array>([["profile", profileBytes(profile)], ...entries]),
    publicKeys: new Map(),
    generate,
    needsP256: generate.length > 0,
  };
}

/** A whole session, from the first hello to the restart. */
export async function provisionBy(
  client: ProvisioningClient,
  plan: ProvisioningPlan,
): Promise<DeviceIdentity> {
  await client.hello();
  return provision(client, plan, {
    crypto: nodeCrypto,
    verifySignature: (point, data, signature) =>
      nodeCrypto.verify(nodeCrypto.importVerifyingKey(point), data, signature),
    issue: async (_csr, point) => chainOf(point),
    beforeCommit: async () => {},
    progress: () => {},
  });
}

function chainOf(point: Uint8Array): Uint8Array {
  const own = pem(certificateOf(point));
  const others = pem(ca);
  return Buffer.from(own + others.repeat(Math.ceil((chainBytes - own.length) / others.length)));
}

function pem(der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString("base64")
    .match(/.{1,64}/g)!;
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}
