/**
 * `keys`: a new secret out of the present one, under a higher epoch. Flash has it before the answer is made, which still goes
 * out under the old keys. Counter and reservation go on: what RTC memory keeps is the former secret's until the next boot, which
 * takes it over, whether there was a power cut in between or not.
 */
import { keysCommand } from "dormouse/commands/built-in";
import type { Argument } from "dormouse/commands/command";
import { nativeCrypto } from "dormouse/crypto/native";
import { rekey } from "../provisioned.js";
import { report } from "../report.js";
import type { Answer, Bench } from "./built-in.js";

export function changeKeys(args: readonly Argument[], { profile, device, memory }: Bench): Answer {
  const command = keysCommand(args);
  if (!command) return ["refused", "keys takes an epoch and a salt of 32 to 128 hex digits"];
  if (command.epoch <= device.epoch) return ["refused", `its keys have epoch ${device.epoch} already`];
  // The broker would not know the password that comes of the new secret; nor receivers, what a short name stands for.
  if (profile.broker.auth === "derived")
    return ["refused", "its password at the broker is derived of its secret"];
  if (profile.device.kid !== undefined) return ["refused", "device.kid stands for one epoch"];
  if (memory.hasReadings) return ["refused", "readings wait: they go out under the present keys first"];
  // What the broker has acknowledged must not come again under the new keys, where nobody would know it for the same.
  if (memory.save()) return ["failed", "RTC memory does not keep what it must"];
  const next = rekey(nativeCrypto, command.epoch, command.salt);
  if (!next) return ["failed", "flash does not keep it"];
  next.secret.close();
  report("keys", { epoch: next.epoch });
  return ["done", command.epoch];
}
