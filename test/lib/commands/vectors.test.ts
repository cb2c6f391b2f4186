import {
  type Command,
  decodeCommand,
  decodeResult,
  encodeCommand,
  encodeResult,
  type Result,
  type Scalar,
  type Status,
} from "../../../lib/commands/command.js";
import type { Crypto } from "../../../lib/crypto/crypto.js";
import { thaw } from "../../../lib/sealed/frozen.js";
import { plainCbor } from "../../../lib/sealed/header.js";
import {
  type Channel,
  deriveSealKey,
  deriveStampKey,
  type SealAlgorithm,
  type SealKey,
  type StampAlgorithm,
  type StampKey,
} from "../../../lib/sealed/keys.js";
import { closeKey, open, protect } from "../../../lib/sealed/protect.js";
import { bytes, equal, fromHex, type Platform, test } from "../../device/harness.js";
import { casesOf } from "../sealed/vectors.js";

interface ExchangeCase {
  readonly secret: string;
  readonly alg: StampAlgorithm | SealAlgorithm;
  readonly controller: string;
  readonly device: string;
  readonly base: string;
  readonly counter: number;
  readonly name: string;
  readonly args: readonly Scalar[];
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly challenge: string | null;
  readonly command: string;
  readonly message: string;
  readonly deviceCounter: number;
  readonly status: Status;
  readonly value: Scalar | null;
  readonly valueIsBytes: boolean;
  readonly nextChallenge: string | null;
  readonly result: string;
  readonly resultMessage: string;
}

const bytesOrNull = (hex: string | null) => (hex === null ? null : fromHex(hex));

function commandOf({ name, args, issuedAt, expiresAt, challenge }: ExchangeCase): Command {
  return { name, args, issuedAt, expiresAt, challenge: bytesOrNull(challenge) };
}

function resultOf(given: ExchangeCase): Result {
  const { controller, counter, status, value, valueIsBytes, nextChallenge } = given;
  const ofBytes = valueIsBytes ? fromHex(value as string) : value;
  return { controller, counter, status, value: ofBytes, challenge: bytesOrNull(nextChallenge) };
}

function cases({ vectors }: Platform): readonly ExchangeCase[] {
  return casesOf<ExchangeCase>(vectors("commands/exchange"));
}

test("commands and results are the vectors' bytes, written and read", (platform) => {
  for (const given of cases(platform)) {
    bytes(encodeCommand(commandOf(given)), given.command, "command");
    equal(decodeCommand(fromHex(given.command)), commandOf(given));
    bytes(encodeResult(resultOf(given)), given.result, "result");
    equal(decodeResult(fromHex(given.result)), resultOf(given));
  }
});

test("as messages they are the vectors' bytes too, each under its sender's key", (platform) => {
  const { crypto, name } = platform;
  for (const given of cases(platform)) {
    // noble has AES only where its tables have room.
    if (name === "noble" && given.alg === 1) continue;
    const { controller, device, base, counter, deviceCounter } = given;
    const down = {
      sender: { id: controller, epoch: 0 },
      direction: "down",
      topic: `${base}/command`,
    } as const;
    const up = { sender: { id: device, epoch: 0 }, direction: "up", topic: `${base}/result` } as const;
    check(crypto, keyOf(crypto, given, down), counter, given.command, given.message);
    check(crypto, keyOf(crypto, given, up), deviceCounter, given.result, given.resultMessage);
  }
});

function keyOf(crypto: Crypto, { secret, alg }: ExchangeCase, channel: Channel): StampKey | SealKey {
  const handle = crypto.importSecret(fromHex(secret));
  const key =
    alg === 4 || alg === 5
      ? deriveStampKey(crypto, handle, channel, alg)
      : deriveSealKey(crypto, handle, channel, alg);
  handle.close();
  return key;
}

function check(crypto: Crypto, key: StampKey | SealKey, counter: number, payload: string, message: string) {
  const frozen = thaw({ counter, plaintext: fromHex(payload), contentType: plainCbor } as const);
  bytes(protect(crypto, key, frozen), message, "message");
  const opened = open(crypto, key, fromHex(message));
  if (opened.verdict !== "verified") throw new Error(opened.verdict);
  bytes(opened.message.payload, payload, "payload");
  closeKey(key);
}
