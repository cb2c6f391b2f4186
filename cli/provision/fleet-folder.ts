/** The fleet's folder that a command line names. */
import { existsSync } from "node:fs";
import { defaultFleet, Fleet, fleetRegister } from "../../backend/fleet/fleet.js";
import { keyringProblem } from "../keys/keyring-file.js";
import { OperatorError, UsageError } from "../report.js";

export const fleetFlag = ["--fleet <FOLDER>", "where register and keyring are", defaultFleet] as const;

/** @throws {OperatorError | UsageError} when it cannot be used */
export function openFleet(folder: string): Fleet {
  try {
    return new Fleet(folder);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === undefined
      ? new OperatorError(`--fleet ${folder}: ${(error as Error).message}`)
      : keyringProblem("--fleet ", folder, error);
  }
}

/** One that is there already. @throws {UsageError} when there is none */
export function existingFleet(folder: string): Fleet {
  if (!existsSync(fleetRegister(folder)))
    throw new UsageError(`--fleet ${folder}: has no register; dormouse provision makes one`);
  return openFleet(folder);
}
