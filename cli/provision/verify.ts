/** `dormouse verify`: has a provisioned board prove that it holds what the fleet's register and keyring say. */
import type { Command } from "commander";
import type { Fleet } from "../../backend/fleet/fleet.js";
import type { DeviceRow } from "../../backend/fleet/register.js";
import { HostFailure } from "../../lib/provisioning/host-failure.js";
import type { DeviceIdentity, ProvableKey } from "../../lib/provisioning/messages.js";
import { proveKeys } from "../../lib/provisioning/proving.js";
import { printableJson, printableLine } from "../mqtt/printable.js";
import { OperatorError } from "../report.js";
import { type Board, withBoard } from "./board.js";
import { existingFleet, fleetFlag } from "./fleet-folder.js";
import { checkIdentity, knownKeys } from "./known-keys.js";
import { type PortFlags, portFlags } from "./port-flags.js";
import { verifier } from "./provisioning.js";
import { fieldLines, macText } from "./shown.js";

interface VerifyFlags extends PortFlags {
  readonly fleet: string;
}

async function verify({ port, baud, wait, json, fleet: folder }: VerifyFlags): Promise<void> {
  const fleet = existingFleet(folder);
  try {
    await withBoard({ port, baud, waitMs: wait }, async (board) => {
      const device = deviceOf(board);
      const row = fleet.register.find(device.id, device.epoch);
      if (!row)
        throw new OperatorError(
          `${port}: the board says that it is ${device.id}, epoch ${device.epoch}, which ${folder} does not know: it was provisioned elsewhere`,
        );
      checkIdentity(row, device);
      const proved = await prove(board, row, fleet);
      if (json) console.log(printableJson(verifiedJson(row, proved)));
      else for (const line of verifiedLines(port, row, board, proved)) console.log(printableLine(line));
    });
  } finally {
    fleet.close();
  }
}

function deviceOf({ info }: Board): DeviceIdentity {
  if (info.state === "locked" && info.device) return info.device;
  throw new HostFailure("not-begun", "the board is not provisioned", "provision it");
}

async function prove({ client }: Board, row: DeviceRow, fleet: Fleet): Promise<ProvableKey[]> {
  const known = knownKeys(fleet, row);
  const proved: ProvableKey[] = [];
  try {
    await proveKeys(client, row.id, known, verifier, (key) => proved.push(key));
  } finally {
    known.secret.fill(0);
  }
  return proved;
}

function verifiedJson(row: DeviceRow, proved: readonly ProvableKey[]): object {
  const { id, epoch, kid, certificate, state } = row;
  return { id, epoch, kid, certificate, register: state, proved };
}

function verifiedLines(
  port: string,
  row: DeviceRow,
  { info }: Board,
  proved: readonly ProvableKey[],
): string[] {
  return fieldLines([
    ["device", row.id],
    ["port", port],
    ["mac", macText(info.mac)],
    ["epoch", String(row.epoch)],
    ["kid", row.kid],
    ["certificate", row.certificate ? `serial ${row.certificate.serial}` : undefined],
    ["proved", proved.join(", ")],
    ["register", row.state === "pending" ? "pending: provision it again, which completes it" : row.state],
  ]);
}

export function addVerifyCommand(parent: Command): void {
  portFlags(parent.command("verify"))
    .description(
      "Have a provisioned board prove that it holds the keys that the fleet's register and keyring know. It answers in the first 10 s after a reset.",
    )
    .option(...fleetFlag)
    .addHelpText("after", "\nExample:\n  $ dormouse verify --port /dev/ttyUSB0 --wait 1m")
    .action(verify);
}
