import { encode } from "../../../lib/cbor/encode.js";
import { CborFloat, type CborValue } from "../../../lib/cbor/value.js";
import {
  type Command,
  decodeCommand,
  decodeResult,
  encodeCommand,
  encodeResult,
  isCommandName,
  isResultValue,
  isScalar,
  type Result,
} from "../../../lib/commands/command.js";
import { bytes, equal, fromHex, ok, test, throws } from "../../device/harness.js";

const challenge = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const command: Command = {
  name: "fan.set",
  args: [3, -1, 0.5, true, "low"],
  issuedAt: 1_800_000_000,
  expiresAt: 1_800_003_600,
  challenge: null,
};
const result: Result = { controller: "office", counter: 7, status: "done", value: null, challenge };

function text(length: number): string {
  return "a".repeat(length);
}

test("a command has the bytes of docs/commands.md", () => {
  bytes(
    encodeCommand(command),
    "85" + // array of five
      "67" + // text of seven bytes
      "66616e2e736574" +
      "85" + // five arguments
      "03" +
      "20" +
      "f93800" +
      "f5" +
      "636c6f77" +
      "1a6b49d200" +
      "1a6b49e010" +
      "f6",
  );
  bytes(encodeResult(result), `85666f6666696365${"07"}64646f6e65f648${"0102030405060708"}`);
});

test("what is written is read back", () => {
  const commands: Command[] = [
    command,
    { ...command, args: [], challenge },
    { ...command, name: text(32), args: [0, 1, 2, 3, 4, 5, 6, 7] },
    { ...command, args: [text(128)] },
    { ...command, args: ["", "ü", "\u{1f321}", 1e300, 2 ** 53 - 1, -(2 ** 53) + 1] },
    { ...command, issuedAt: 0, expiresAt: 2 ** 40 - 1 },
    { ...command, expiresAt: command.issuedAt },
  ];
  for (const each of commands) equal(decodeCommand(encodeCommand(each)), each);
  const results: Result[] = [
    result,
    { ...result, challenge: null, value: challenge },
    { ...result, value: text(128), controller: text(64), counter: 2 ** 40 - 1 },
    { ...result, status: "failed", value: "why" },
    { ...result, status: "unknown", value: 1.5 },
    { ...result, status: "expired", value: false },
    { ...result, status: "challenge" },
    { ...result, status: "unauthorised" },
    { ...result, status: "malformed" },
  ];
  for (const each of results) equal(decodeResult(encodeResult(each)), each);
});

test("what is beyond the limits is refused, written or read", () => {
  const past = { issuedAt: 5, expiresAt: 4 };
  const wrong: [Partial<Record<keyof Command, unknown>>][] = [
    [{ name: "" }],
    [{ name: text(33) }],
    [{ name: "Fan" }],
    [{ name: "fan set" }],
    [{ name: 7 }],
    [{ args: [0, 1, 2, 3, 4, 5, 6, 7, 8] }],
    [{ args: [text(129)] }],
    [{ args: ["\u00fc".repeat(65)] }],
    [{ args: [null] }],
    [{ args: [challenge] }],
    [{ args: [[]] }],
    [{ args: [Number.NaN] }],
    [{ args: [Number.POSITIVE_INFINITY] }],
    [{ args: [-0] }],
    [{ issuedAt: -1 }],
    [{ issuedAt: 0.5 }],
    [{ expiresAt: 2 ** 40 }],
    [past],
    [{ challenge: challenge.subarray(1) }],
    [{ args: [text(128), text(128)] }],
  ];
  for (const [change] of wrong) {
    const each = { ...command, ...change } as Command;
    throws(() => encodeCommand(each), RangeError);
    const raw = [each.name, each.args, each.issuedAt, each.expiresAt, each.challenge] as CborValue[];
    equal(decodeCommand(encode(raw)), undefined, JSON.stringify(change));
  }
  const wrongResults: Partial<Record<keyof Result, unknown>>[] = [
    { controller: "" },
    { controller: text(65) },
    { counter: -1 },
    { counter: 2 ** 40 },
    { status: "maybe" },
    { status: 0 },
    { value: text(129) },
    { value: new Uint8Array(129) },
    { value: undefined },
    { value: [] },
    { value: Number.NaN },
    { challenge: new Uint8Array(9) },
    { challenge: "12345678" },
  ];
  for (const change of wrongResults) {
    const each = { ...result, ...change } as Result;
    throws(() => encodeResult(each), RangeError);
    const raw = [each.controller, each.counter, each.status, each.value, each.challenge] as CborValue[];
    equal(decodeResult(encode(raw)), undefined, JSON.stringify(change));
  }
});

test("only the one encoding of a command or result is read", () => {
  const whole: CborValue[] = ["a", [1], 2, 3, null];
  ok(decodeCommand(encode(whole)), "the sibling that is right");
  for (const raw of [
    [...whole, null],
    whole.slice(0, 4),
    ["a", 1, 2, 3, null],
    ["a", new Map([[1, 2]]), 2, 3, null],
    ["a", [new CborFloat(1)], 2, 3, null],
    ["a", [1], 2, new CborFloat(3), null],
    ["a", [[1]], 2, 3, null],
    ["a", [], new Array(50).fill(1), 3, null],
  ] as CborValue[])
    equal(decodeCommand(encode(raw)), undefined, JSON.stringify(raw));
  // 1 in two bytes; an array of indefinite length; a byte behind.
  for (const raw of ["8561618118010203f6", "9f616181010203f6ff", "85616181010203f600", "", "85", "8561"])
    equal(decodeCommand(fromHex(raw)), undefined, raw);
  equal(decodeCommand(fromHex("85616181010203f6")), { ...decodeCommand(encode(whole)) });
});

test("every cut and every changed byte of a command is read as another command or none", () => {
  const whole = encodeCommand({ ...command, challenge });
  for (let length = 0; length < whole.length; length++)
    equal(decodeCommand(whole.subarray(0, length)), undefined, `${length} bytes`);
  for (let at = 0; at < whole.length; at++) {
    const changed = whole.slice();
    changed[at]! ^= 0x01;
    const read = decodeCommand(changed);
    if (read) equal(encodeCommand(read), changed, `byte ${at}`);
  }
});

test("a payload of many bytes is refused before it is read", () => {
  const most = encodeCommand({ ...command, args: [text(128), text(103)] });
  equal(most.length, 256);
  ok(decodeCommand(most), "256 bytes");
  throws(() => encodeCommand({ ...command, args: [text(128), text(104)] }), RangeError, /256/);
});

test("names, scalars and values are told from what they are not", () => {
  ok(isCommandName("a-1.b"), "a name");
  for (const name of ["", "a_b", "A", "\u00e4", "a/b", undefined]) ok(!isCommandName(name), String(name));
  for (const value of [0, -1, 0.1, true, "", text(128)]) ok(isScalar(value), String(value));
  for (const value of [null, undefined, -0, Number.NaN, text(129), "\ud800", challenge])
    ok(!isScalar(value), String(value));
  ok(isResultValue(null) && isResultValue(challenge) && isResultValue(1), "values");
  ok(!isResultValue(undefined) && !isResultValue(new Uint8Array(129)), "no values");
});

test("bytes are an argument of crl alone, at most 3,072 of them, and no other command is so long", () => {
  const crl: Command = { ...command, name: "crl", args: [7, new Uint8Array(3072).fill(1)] };
  equal(decodeCommand(encodeCommand(crl)), crl);
  throws(() => encodeCommand({ ...crl, args: [7, new Uint8Array(3073)] }), RangeError);
  throws(() => encodeCommand({ ...crl, args: [7, new Uint8Array(0)] }), RangeError);
  throws(() => encodeCommand({ ...crl, name: "crm", args: [7, new Uint8Array(8)] }), RangeError);
  const forged = (name: string, bytes: number) =>
    encode([name, [7, new Uint8Array(bytes)], command.issuedAt, command.expiresAt, null]);
  ok(decodeCommand(forged("crl", 3072)), "as it is");
  equal(decodeCommand(forged("crl", 3073)), undefined);
  equal(decodeCommand(forged("crm", 8)), undefined);
  equal(
    decodeCommand(encode(["led", Array(8).fill(text(128)), command.issuedAt, command.expiresAt, null])),
    undefined,
    "text beyond 256 bytes in all",
  );
});
