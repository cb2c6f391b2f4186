/** Asks lib/commands whether a message is an authentic command, and what is to become of it, by this device's keys and clock. */
import { readBase64url } from "dormouse/auth/base64url";
import {
  type Admitted,
  type CommandClock,
  type CommandRules,
  claimedController,
  judgeCommand,
  maxLargeMessageBytes,
  maxMessageBytes,
  type Outcome,
  verifyCommand,
} from "dormouse/commands/admission";
import { nativeCrypto } from "dormouse/crypto/native";
import type { ReceivedMessage } from "dormouse/mqtt/session-state";
import { deriveSealKey, deriveStampKey, type Sender } from "dormouse/sealed/keys";
import type { Verified } from "dormouse/sealed/opened";
import { closeKey } from "dormouse/sealed/protect";
import type { Profile } from "dormouse/store/profile";
import { type CommandSettings, sealAlgorithms, stampAlgorithms, takesCrl } from "dormouse/store/protection";
import type { Bench } from "./carry-out/built-in.js";
import { readClock } from "./clock.js";
import type { Memory } from "./memory.js";

export function commandTopic({ topics }: Profile): string {
  return `${topics.base}/command`;
}

/** Whom a message claims to come from. */
export interface Claimed {
  readonly sender: Sender;
  /** Of that controller, in the profile. */
  readonly index: number;
}

/** @returns undefined for what does not claim to be of a controller */
export function claimOf(
  settings: CommandSettings,
  { profile, device }: Bench,
  { topic, payload, retain }: ReceivedMessage,
): Claimed | undefined {
  const { epoch } = device;
  const senders = settings.controllers.map((id): Sender => ({ id, epoch }));
  const known = topic === commandTopic(profile);
  const maxBytes = takesCrl(profile.broker.tls, settings) ? maxLargeMessageBytes : maxMessageBytes;
  const index = known ? claimedController(payload, retain, senders, maxBytes) : -1;
  const sender = senders[index];
  return sender && { sender, index };
}

/** Apart from the claim, because behind this the stack is deep. @returns undefined when it is not authentic */
export function verifiedBy(
  settings: CommandSettings,
  { device: { secret } }: Bench,
  sender: Sender,
  { topic, payload }: ReceivedMessage,
): Verified | undefined {
  const channel = { sender, direction: "down", topic } as const;
  const key =
    settings.protection === "stamp"
      ? deriveStampKey(nativeCrypto, secret, channel, stampAlgorithms[settings.algorithm])
      : deriveSealKey(nativeCrypto, secret, channel, sealAlgorithms[settings.algorithm]);
  const held = verifyCommand(nativeCrypto, key, payload);
  closeKey(key);
  return held;
}

/** @param step what flash was told to remember, and what it says */
export function outcomeOf(
  settings: CommandSettings,
  { profile, memory }: Bench,
  step: Pick<Admitted, "held" | "record"> & { readonly kept: Uint8Array | undefined },
  challenge: Uint8Array | undefined,
): Outcome {
  const rules = rulesOf(settings, profile);
  return judgeCommand(nativeCrypto, step, step.kept, rules, clockOf(memory), challenge ?? null);
}

function rulesOf({ operator, onlySigned }: CommandSettings, profile: Profile): CommandRules {
  return {
    topic: commandTopic(profile),
    operator: operator ? { kid: operator.kid, point: readBase64url(operator.key) } : null,
    onlySigned: onlySigned ?? false,
  };
}

function clockOf(memory: Memory): CommandClock {
  return {
    nowSeconds: Math.floor(readClock() / 1000),
    known: memory.clock !== "unknown",
    authenticated: memory.timeIsAuthenticated,
  };
}
