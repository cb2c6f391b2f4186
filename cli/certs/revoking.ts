/** `dormouse certs list` and `certs revoke`: which devices have certificates, and taking them away. */
import type { Command } from "commander";
import { defaultFleet } from "../../backend/fleet/fleet.js";
import { authorityFiles } from "../../certs/pki/authority.js";
import { checkDeviceId } from "../../certs/pki/device-id.js";
import { revoke } from "../../certs/pki/revocation.js";
import { printableJson, printableLine } from "../mqtt/printable.js";
import { OperatorError, UsageError } from "../report.js";
import { day, table } from "../table.js";
import { type KnownCertificate, knownCertificates, registerIn } from "./known.js";

interface Flags {
  readonly dir: string;
  readonly fleet: string;
  readonly json?: boolean;
}

function stateOf({ revokedMs, notAfterMs }: KnownCertificate, nowMs: number): string {
  if (revokedMs !== null) return `revoked ${day(revokedMs)}`;
  return notAfterMs < nowMs ? "expired" : "valid";
}

async function list({ dir, fleet, json }: Flags): Promise<void> {
  const { certificates } = await knownCertificates(dir, fleet);
  const now = Date.now();
  if (json) {
    const time = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
    for (const { id, epoch, mac, serial, fingerprint, notAfterMs, revokedMs } of certificates)
      console.log(
        printableJson({
          id,
          epoch,
          mac,
          serial,
          fingerprint,
          notAfter: time(notAfterMs),
          revoked: time(revokedMs),
        }),
      );
    return;
  }
  const rows = certificates.map((one) => [
    one.id,
    one.epoch === null ? "" : `${one.epoch}`,
    one.mac,
    one.serial,
    day(one.notAfterMs),
    stateOf(one, now),
  ]);
  console.log(
    table([
      ["DEVICE", "EPOCH", "MAC", "SERIAL", "UNTIL", "STATE"],
      ...rows.map((row) => row.map(printableLine)),
    ]),
  );
}

async function take(id: string, { dir, fleet, json }: Flags): Promise<void> {
  try {
    checkDeviceId(id);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const { certificates } = await knownCertificates(dir, fleet);
  const own = certificates.filter((one) => one.id === id);
  if (own.length === 0)
    throw new OperatorError(
      `no certificate of ${id} by the authority in ${dir} is known: "dormouse certs list" has those that are`,
    );
  const register = registerIn(fleet);
  try {
    // With those of which the list has lost sight.
    const before = register?.list().flatMap(({ certificate, revokedMs }) => {
      const isOurs = certificate && revokedMs !== null && certificate.issuer === own[0]!.issuer;
      return isOurs ? [certificate.serial] : [];
    });
    const { number, revoked } = await revoke(
      dir,
      [...(before ?? []), ...own.map(({ serial }) => serial)],
      Date.now(),
    );
    for (const { epoch } of own) if (epoch !== null) register?.revoke({ id, epoch });
    const file = authorityFiles(dir).crl;
    if (json) {
      const serials = own.map(({ serial }) => serial);
      console.log(printableJson({ id, serials, file, number, revoked: revoked.length }));
    } else {
      for (const { serial } of own) console.log(`revoked ${serial}`);
      console.log(file);
    }
  } catch (error) {
    throw error instanceof RangeError ? new OperatorError(error.message) : error;
  } finally {
    register?.close();
  }
}

function common(command: Command): Command {
  return command
    .option("--dir <FOLDER>", "where the authority lives", "certs/private")
    .option("--fleet <FOLDER>", "whose register says who has which", defaultFleet);
}

export function addRevokingCommands(certs: Command): void {
  common(certs.command("list"))
    .description(
      "List the devices' certificates: those of the fleet's register, and those in the authority's folder.",
    )
    .option("--json", "one JSON object a line")
    .addHelpText("after", "\nExample:\n  $ dormouse certs list")
    .action(list);

  common(certs.command("revoke"))
    .description(
      "Revoke all certificates of a device: they go on the authority's list, for the broker (Mosquitto: crlfile).",
    )
    .argument("<ID>", "the device's id")
    .option("--json", "what was done, as one JSON object")
    .addHelpText(
      "after",
      "\nExample:\n  $ dormouse certs revoke dormouse-7 && kill -HUP $(pidof mosquitto)\n" +
        "\nWhat it sends is believed until `dormouse fleet distrust`. A broker that is not told of the list goes on as before.",
    )
    .action(take);
}
