/**
 * `dormouse reset`: erases what was provisioned. A board that is locked does that for nobody but a person at its button;
 * then this says so, and waits for it if it may.
 */
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { fleetRegister } from "../../backend/fleet/fleet.js";
import type { DeviceEpoch } from "../../backend/fleet/register.js";
import type { Info } from "../../lib/provisioning/messages.js";
import { lockedFailure } from "../../lib/provisioning/provision.js";
import { printableJson, printableLine } from "../mqtt/printable.js";
import { withBoard } from "./board.js";
import { fleetFlag, openFleet } from "./fleet-folder.js";
import { type PortFlags, portFlags } from "./port-flags.js";

interface ResetFlags extends PortFlags {
  readonly fleet: string;
}

async function reset({ port, baud, wait, json, fleet }: ResetFlags): Promise<void> {
  let before: Info | undefined;
  const wanted = (info: Info): boolean => {
    if (info.state !== "locked") return true;
    if (!before) {
      const { message, action } = lockedFailure(info);
      console.error(printableLine(`dormouse: ${port}: ${message}: ${action}; waiting for that`));
    }
    before = info;
    return false;
  };
  const info = await withBoard({ port, baud, waitMs: wait, wanted }, async ({ client, info }) => {
    if (info.state === "locked") throw lockedFailure(info);
    await client.request({ kind: "erase" });
    return info;
  });
  const noted = await note(fleet, info.mac, before?.device);
  if (json) console.log(printableJson({ port, erased: true, register: noted ?? null }));
  else
    console.log(printableLine(`${port}: erased${noted ? `; ${fleet} has ${noted.id} down as erased` : ""}`));
}

/** The register says it too, where it is certain which device this was. */
async function note(
  folder: string,
  mac: string,
  device: DeviceEpoch | undefined,
): Promise<DeviceEpoch | undefined> {
  if (!existsSync(fleetRegister(folder))) return undefined;
  const fleet = openFleet(folder);
  try {
    const rows = fleet.register.list().filter(({ state }) => state === "complete");
    const of = device
      ? rows.filter(({ id, epoch }) => id === device.id && epoch === device.epoch)
      : rows.filter((row) => mac !== "" && row.mac === mac);
    const [row] = of;
    if (!row || of.length > 1) return undefined;
    await fleet.erase(row);
    return { id: row.id, epoch: row.epoch };
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
