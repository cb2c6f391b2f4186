/**
 * The app of the power-cut campaign's board: each reading is a number that no other reading has, and the log says it
 * before anybody else can have it.
 */
import type { Argument, ResultValue } from "dormouse/commands/command";
import { random } from "dormouse/native/crypto";
import type { Measurement } from "dormouse/senml/measurement";

/** Of 2^48: none comes twice in a campaign. */
const idBytes = 6;

export function sense(): Measurement[] {
  let id = 0;
  for (const byte of new Uint8Array(random(idBytes))) id = id * 256 + byte;
  trace(`sensed ${id}\n`);
  return [{ name: "id", value: id }];
}

export function alarm(measurements: readonly Measurement[]): boolean {
  return (measurements[0]!.value as number) % 8 === 0;
}

export function onCommand(_name: string, args: readonly Argument[]): ResultValue {
  return args.length;
}
