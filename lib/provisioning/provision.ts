/**
 * The host's sequence: what a device is given, in order, until it is committed and has proved that it holds its keys. The
 * command line and the page share it; certificates, register and keyring are theirs, by the hooks.
 */
import type { ProvisioningClient } from "./client.js";
import { HostFailure } from "./host-failure.js";
import {
  type DeviceIdentity,
  type EntryName,
  entryNames,
  type GeneratedKey,
  type Info,
  maxWriteBytes,
} from "./messages.js";
import { type KnownKeys, proveKeys, type Verifier } from "./proving.js";

export interface ProvisioningPlan {
  readonly deviceId: string;
  /** Of the secret: one that the device never had. */
  readonly epoch: number;
  /** The network that Improv has set stays: the profile names none. */
  readonly keepWifi: boolean;
  /** What is written, `profile` and `secret` among it; the caller zeroes it. */
  readonly entries: ReadonlyMap<EntryName, Uint8Array>;
  /** Of P-256 keys among the entries, the public halves: 65 bytes. */
  readonly publicKeys: ReadonlyMap<GeneratedKey, Uint8Array>;
  /** The key pairs that the device makes; of `tls-key`, hooks.issue() makes the certificate. */
  readonly generate: readonly GeneratedKey[];
  /** It stores or makes a P-256 key. */
  readonly needsP256: boolean;
}

/** What the device has made: public keys, 65 bytes. */
export interface Made {
  readonly points: ReadonlyMap<GeneratedKey, Uint8Array>;
  /** What is written as `tls-cert`, when the device made its key. */
  readonly certificate?: Uint8Array;
}

/** How far it is. */
export type Progress =
  | { readonly step: "erase" }
  | { readonly step: "generate"; readonly key: GeneratedKey }
  | { readonly step: "issue" }
  | { readonly step: "write"; readonly entry: EntryName; readonly written: number; readonly total: number }
  | { readonly step: "commit" }
  | { readonly step: "prove"; readonly key: string }
  | { readonly step: "restart" };

export interface ProvisioningHooks extends Verifier {
  /**
   * @param csr DER (RFC 2986), for the issuer to check
   * @param point the key that it is for, 65 bytes
   * @returns the device's certificate as its flash holds it: DER, or with those between it and the CA, PEM
   */
  issue(csr: Uint8Array, point: Uint8Array): Promise<Uint8Array>;
  /** Everything is on the device and none of it counts yet: what must not be lost when it does is stored now. */
  beforeCommit(made: Made): Promise<void>;
  progress(progress: Progress): void;
}

/**
 * Whether a board that says `info` can be given `plan`.
 * @throws {HostFailure} why not
 */
export function checkBoard(info: Info, plan: Pick<ProvisioningPlan, "keepWifi" | "needsP256">): void {
  if (info.state === "locked") throw lockedFailure(info);
  if (plan.needsP256 && !info.p256)
    throw new HostFailure("no-p256", `the firmware of this ${info.board} has no P-256`);
  if (plan.keepWifi && info.wifiSsid === undefined)
    throw new HostFailure("no-wifi", "the profile leaves Wi-Fi to Improv, and nobody has set it");
}

/** What to do about a board that says it is locked. */
export function lockedFailure({ device, button }: Info): HostFailure {
  const who = device ? `is provisioned as ${device.id} (epoch ${device.epoch})` : "is provisioned";
  return button
    ? new HostFailure("locked", `the board ${who} and locked`)
    : new HostFailure(
        "locked",
        `the board ${who}, locked, and has no button that unlocks it`,
        "erase its flash by esptool, and flash the firmware",
      );
}

/**
 * Begins, writes, commits, has everything proved, and restarts the device.
 * @returns what the device says it is
 * @throws {HostFailure} and what the hooks throw; before the commit the device is then unprovisioned, after it complete
 */
export async function provision(
  client: ProvisioningClient,
  plan: ProvisioningPlan,
  hooks: ProvisioningHooks,
): Promise<DeviceIdentity> {
  hooks.progress({ step: "erase" });
  await client.request({ kind: "begin", keepWifi: plan.keepWifi });
  const writer = new EntryWriter(client, hooks);
  const made = await makeKeys(client, plan, hooks);
  for (const entry of entryNames) {
    const bytes = entry === "tls-cert" && made.certificate ? made.certificate : plan.entries.get(entry);
    if (bytes) await writer.write(entry, bytes);
  }
  await hooks.beforeCommit(made);
  hooks.progress({ step: "commit" });
  const device = await commit(client, plan);
  await proveKeys(client, plan.deviceId, keysOf(plan, made), hooks, (key) =>
    hooks.progress({ step: "prove", key }),
  );
  hooks.progress({ step: "restart" });
  await restart(client);
  return device;
}

async function makeKeys(
  client: ProvisioningClient,
  { generate, deviceId: subject }: ProvisioningPlan,
  hooks: ProvisioningHooks,
): Promise<Made> {
  const points = new Map<GeneratedKey, Uint8Array>();
  let certificate: Uint8Array | undefined;
  for (const key of generate) {
    hooks.progress({ step: "generate", key });
    const { point, csr } = await client.request({ kind: "generate", key, subject });
    points.set(key, point);
    if (key !== "tls-key") continue;
    hooks.progress({ step: "issue" });
    certificate = await hooks.issue(csr, point);
  }
  return { points, ...(certificate && { certificate }) };
}

function keysOf({ entries, publicKeys }: ProvisioningPlan, { points }: Made): KnownKeys {
  const [secret, psk] = [entries.get("secret"), entries.get("tls-psk")];
  return {
    ...(secret && { secret }),
    ...(psk && { psk }),
    ...Object.fromEntries(publicKeys),
    ...Object.fromEntries(points),
  };
}

/** An answer may be lost behind the commit: what the device is, it says itself. */
async function commit(
  client: ProvisioningClient,
  { deviceId, epoch }: ProvisioningPlan,
): Promise<DeviceIdentity> {
  let device: DeviceIdentity | undefined;
  try {
    ({ device } = await client.request({ kind: "commit", epoch }));
  } catch (error) {
    if (!(error instanceof HostFailure) || error.kind !== "no-answer") throw error;
    ({ device } = await client.hello());
    if (!device) throw error;
  }
  if (device.id !== deviceId || device.epoch !== epoch)
    throw new HostFailure("not-as-told", `the board says that it is ${device.id} of epoch ${device.epoch}`);
  return device;
}

/** It answers before it restarts, or not any more; one that does not hear of it restarts by itself after a minute. */
export async function restart(client: ProvisioningClient): Promise<void> {
  try {
    await client.request({ kind: "restart" }, restartPatience);
  } catch (error) {
    if (!(error instanceof HostFailure)) throw error;
  }
}

const restartPatience = Object.freeze([1_000, 1_000]);

/** Of one `write`; a line that loses bytes in long frames always loses them there. */
const chunks = Object.freeze([maxWriteBytes, 224, 112, 56]);
const chunkPatience = Object.freeze([800, 1_200]);

class EntryWriter {
  private readonly client: ProvisioningClient;
  private readonly hooks: Pick<ProvisioningHooks, "progress">;
  private size = 0;

  constructor(client: ProvisioningClient, hooks: Pick<ProvisioningHooks, "progress">) {
    this.client = client;
    this.hooks = hooks;
  }

  /** From its beginning again, in smaller parts, as long as there are any. */
  async write(entry: EntryName, bytes: Uint8Array): Promise<void> {
    for (;;)
      try {
        return await this.writeIn(chunks[this.size]!, entry, bytes);
      } catch (error) {
        if (!(error instanceof HostFailure) || error.kind !== "no-answer") throw error;
        if (this.size === chunks.length - 1) throw error;
        this.size++;
      }
  }

  private async writeIn(chunk: number, entry: EntryName, bytes: Uint8Array): Promise<void> {
    const { length: total } = bytes;
    const patience = this.size === chunks.length - 1 ? undefined : chunkPatience;
    for (let offset = 0; offset < total; ) {
      const part = bytes.subarray(offset, offset + chunk);
      const { received } = await this.client.request(
        { kind: "write", entry, total, offset, bytes: part },
        patience,
      );
      offset += part.length;
      if (received !== offset)
        throw new HostFailure("not-understood", `the board says that it has ${received} bytes of ${entry}`);
      this.hooks.progress({ step: "write", entry, written: offset, total });
    }
  }
}
