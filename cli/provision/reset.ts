/**
 * `dormouse reset`: erases what was provisioned. A board that is locked does that for nobody but a person at its button;
 * then this says so, and waits for it if it may.
 */
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { type Fleet, fleetRegister } from "../../backend/fleet/fleet.js";
import type { DeviceEpoch } from "../../backend/fleet/register.js";
import type { ProvisioningClient } from "../../lib/provisioning/client.js";
import { HostFailure } from "../../lib/provisioning/host-failure.js";
import type { Info } from "../../lib/provisioning/messages.js";
import { proveKeys } from "../../lib/provisioning/proving.js";
import { lockedFailure } from "../../lib/provisioning/provision.js";
import { printableJson, printableLine } from "../mqtt/printable.js";
import { OperatorError } from "../report.js";
import { withBoard } from "./board.js";
import { fleetFlag, openFleet } from "./fleet-folder.js";
import { checkIdentity, knownKeys } from "./known-keys.js";
import { type PortFlags, portFlags } from "./port-flags.js";
import { verifier } from "./provisioning.js";

interface ResetFlags extends PortFlags {
  readonly fleet: string;
}

/** A locked board as it was before the button was held. */
interface Before {
  readonly mac: string;
  /** Whose secret it has proved to have: only of that one the register believes that it is erased. */
  readonly proved: DeviceEpoch | undefined;
}

async function reset({ port, baud, wait, json, fleet }: ResetFlags): Promise<void> {
  let before: Before | undefined;
  const wanted = async (info: Info, client: ProvisioningClient): Promise<boolean> => {
    if (info.state !== "locked") return true;
    if (before) return false;
    before = { mac: info.mac, proved: await provedDevice(info, client, fleet) };
    const { message, action } = lockedFailure(info);
    console.error(printableLine(`dormouse: ${port}: ${message}: ${action}; waiting for that`));
    return false;
  };
  const { mac } = await withBoard({ port, baud, waitMs: wait, wanted }, async ({ client, info }) => {
    if (info.state === "locked") throw lockedFailure(info);
    await client.request({ kind: "erase" });
    return info;
  });
  const noted = before?.mac === mac ? before.proved : undefined;
  if (noted) await inFleet(fleet, (open) => open.erase(noted));
  if (json) console.log(printableJson({ port, erased: true, register: noted ?? null }));
  else
    console.log(
      printableLine(
        `${port}: erased; ${noted ? `${fleet} has ${noted.id} down as erased` : `${fleet} is as it was: the board has not proved who it had been`}`,
      ),
    );
}

/** Who the board is, when it has the secret that the keyring has of that one. */
async function provedDevice(
  { device }: Info,
  client: ProvisioningClient,
  folder: string,
): Promise<DeviceEpoch | undefined> {
  if (!device) return undefined;
  return inFleet(folder, async (fleet) => {
    const row = fleet.register.find(device.id, device.epoch);
    if (row?.state !== "complete") return undefined;
    try {
      checkIdentity(row, device);
      const { secret } = knownKeys(fleet, row);
      try {
        await proveKeys(client, row.id, { secret }, verifier);
      } finally {
        secret.fill(0);
      }
    } catch (error) {
      // When it answers again, it is asked again.
      if (error instanceof HostFailure && (error.kind === "no-answer" || error.kind === "port-gone"))
        throw error;
      if (error instanceof HostFailure || error instanceof OperatorError) return undefined;
      throw error;
    }
    return { id: row.id, epoch: row.epoch };
  });
}

/** @returns undefined where there is no fleet */
async function inFleet<T>(folder: string, work: (fleet: Fleet) => Promise<T>): Promise<T | undefined> {
  if (!existsSync(fleetRegister(folder))) return undefined;
  const fleet = openFleet(folder);
  try {
    return await work(fleet);
  } finally {
    fleet.close();
  }
}

export function addResetCommand(parent: Command): void {
  portFlags(parent.command("reset"))
    .description(
      "Erase what a board was provisioned with. A locked one erases itself at its button: this says how.",
    )
    .option(...fleetFlag)
    .addHelpText("after", "\nExample:\n  $ dormouse reset --port /dev/ttyUSB0 --wait 2m")
    .action(reset);
}
