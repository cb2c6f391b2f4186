/**
 * What `dormouse sim` protects messages with: the profile's settings, or those that its flags put in their place. The
 * keys that neither names are made for this run, so that each protection can be tried in one command.
 */
import type { SimOptions } from "../host-sim/sim-options.js";
import type { Profile } from "../lib/store/profile.js";
import { needsP256, type Protection, plainTcpConflict, signs } from "../lib/store/protection.js";
import { newP256, publicHalf, readP256 } from "./profile/key-pairs.js";
import type { LoadedProfile } from "./profile/load.js";
import { algorithmNames, protectionNames, protectionOf, topicMistakes } from "./profile/topic-rules.js";
import { OperatorError, UsageError } from "./report.js";
import { choice } from "./values.js";

export interface ProtectionFlags {
  readonly protection?: string;
  readonly algorithm?: string;
  readonly sign?: boolean;
  readonly recipientKey?: string;
}

/** What the key of a run is called that the profile names no recipient for. */
const ownRecipient = "simulator";

/**
 * @returns the profile's protection, or the flags'
 * @throws {UsageError} for flags that do not suit each other
 */
export function chooseProtection(flags: ProtectionFlags, { topics }: Profile): Protection {
  if (flags.protection === undefined) {
    if (flags.algorithm !== undefined) throw new UsageError("--algorithm goes with --protection");
    if (flags.sign !== undefined) throw new UsageError("--sign goes with --protection sealTo");
    return topics.up;
  }
  const protection = choice("--protection", flags.protection, protectionNames);
  const algorithm =
    flags.algorithm === undefined ? undefined : choice("--algorithm", flags.algorithm, algorithmNames);
  const sign = flags.sign === true;
  const recipientKid = topics.up.protection === "sealTo" ? topics.up.recipientKid : ownRecipient;
  const written = { format: topics.format, state: topics.state, protection, ...(algorithm && { algorithm }) };
  const suits = {
    ...written,
    ...(flags.sign !== undefined && { sign }),
    ...(protection === "sealTo" && { recipient: { kid: recipientKid, key: "" } }),
  };
  const [mistake] = topicMistakes(suits, true);
  if (mistake)
    throw new UsageError(`--${mistake.path.slice("topics.".length)} ${mistake.problem}. ${mistake.remedy}`);
  const chosen = protectionOf({ protection, algorithm, recipientKid, sign });
  if (chosen.protection !== "sealTo" || topics.up.protection !== "sealTo") return chosen;
  return { ...chosen, recipientKey: topics.up.recipientKey };
}

type Keys = Pick<SimOptions, "profile" | "recipientKey"> & Pick<SimOptions["secrets"], "signKey">;

/**
 * The keys that the profile's protection needs, and the profile with the public half of a recipient's made here.
 * @param external the broker is not the embedded one, so that others may be listening
 * @throws {UsageError} when the listener lacks the key to open what is sealed
 * @throws {OperatorError} when the board or the connection does not suit the protection, or a key cannot be used
 */
export async function protectionKeys(
  flags: ProtectionFlags,
  profile: Profile,
  { references, folder }: LoadedProfile,
  { board, external }: { readonly board: string; readonly external: boolean },
): Promise<Keys> {
  const { topics, commands, broker } = profile;
  const { up } = topics;
  const conflict = broker.tls === false ? plainTcpConflict(up) : undefined;
  if (conflict !== undefined) throw new OperatorError(conflict.replace("topics.up.", "topics."));
  if (board === "esp8266" && needsP256(up, commands))
    throw new OperatorError(
      up.protection === "stamp" || up.protection === "seal" || up.protection === "none"
        ? "commands.operator: an ESP8266 has no P-256, so it can check no signature"
        : "topics.protection: an ESP8266 has no P-256, so it can stamp and seal only",
    );
  const signKey = !signs(up)
    ? null
    : references.signKey === undefined
      ? newP256()
      : await readP256("topics.signKey", references.signKey, folder);
  if (up.protection !== "sealTo") {
    if (flags.recipientKey !== undefined)
      throw new UsageError('--recipient-key goes with the protection "sealTo"');
    return { profile, signKey, recipientKey: null };
  }
  if (flags.recipientKey === undefined && external)
    throw new UsageError(
      `--recipient-key is missing: without the private key of "${up.recipientKid}" the listener opens nothing`,
    );
  const named = references.recipient !== undefined;
  const recipientKey =
    flags.recipientKey === undefined ? newP256() : await readP256("--recipient-key", flags.recipientKey, ".");
  const point = publicHalf(recipientKey);
  if (named && flags.recipientKey !== undefined && point !== up.recipientKey)
    throw new OperatorError("--recipient-key does not belong to the public key in topics.recipient");
  const own = { ...profile, topics: { ...topics, up: { ...up, recipientKey: point } } };
  return { profile: own, signKey, recipientKey };
}
