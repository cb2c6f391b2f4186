/** `crl`: a newer list of revoked certificates, of the CA that the device trusts, takes the place of the one it has. */
import { crlCommand } from "dormouse/commands/built-in";
import type { Argument } from "dormouse/commands/command";
import { crlIsOf, crlNumber } from "dormouse/native/tls";
import { takesCrl } from "dormouse/store/protection";
import { readEntry, writeEntry } from "../provisioned.js";
import type { Answer, Bench } from "./built-in.js";

export function changeCrl(args: readonly Argument[], { profile }: Bench): Answer {
  const command = crlCommand(args);
  if (!command) return ["refused", "crl takes a number, a list, and the certificate of who has signed it"];
  const { number, list, issuer } = command;
  const ca = readEntry("ca");
  const present = readEntry("crl");
  if (!takesCrl(profile.broker.tls, profile.commands) || !ca || !present)
    return ["refused", "this device was given no list to begin with"];
  if (!crlIsOf(list, ca, issuer))
    return [
      "refused",
      "it is no list of this device's CA, or of the one below whose certificate came with it",
    ];
  const found = crlNumber(list) ?? -1;
  if (found !== number)
    return ["refused", found < 0 ? "the list has no number" : `the list has number ${found}`];
  const before = crlNumber(present) ?? -1;
  if (number <= before) return ["refused", `this device has list ${before} already`];
  return writeEntry("crl", list) ? ["done", number] : ["failed", "flash does not keep it"];
}
