/** A device's secret out of the keyring of the fleet that it was provisioned in. */

import { existsSync } from "node:fs";
import { Fleet, fleetKeyring, fleetRegister } from "../../backend/fleet/fleet.js";
import { OperatorError, UsageError } from "../report.js";
import { keyringProblem } from "./keyring-file.js";

/**
 * @param epoch undefined: the newest that the device has
 * @returns what the caller zeroes
 * @throws {UsageError} when there is no such fleet
 * @throws {OperatorError} when it does not have that secret
 */
export function fleetSecret(
  folder: string,
  id: string,
  epoch: number | undefined,
): { readonly epoch: number; readonly bytes: Uint8Array } {
  if (!existsSync(fleetRegister(folder)))
    throw new UsageError(`--fleet ${folder}: has no register; dormouse provision makes it`);
  const fleet = new Fleet(folder);
  try {
    const rows = fleet.register.list(id).filter(({ origin }) => origin !== "image");
    const row = rows.find((one) => (epoch === undefined ? one.state === "complete" : one.epoch === epoch));
    const bytes = row && fleet.secretOf(row);
    if (!bytes)
      throw new OperatorError(`--fleet ${folder}: has no secret of ${id} that it was provisioned with`);
    return { epoch: row.epoch, bytes };
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw keyringProblem("--fleet ", fleetKeyring(folder), error);
  } finally {
    fleet.close();
  }
}
