import {
  type Admission,
  admit,
  type CommandClock,
  type CommandRules,
  claimedController,
  judgeCommand,
  maxMessageBytes,
  needsOperator,
  type Outcome,
} from "../../../lib/commands/admission.js";
import { type Command, encodeCommand } from "../../../lib/commands/command.js";
import { commandWindowSize, decodeWindowRecord } from "../../../lib/commands/windows.js";
import { thaw } from "../../../lib/sealed/frozen.js";
import { coseSign1, senmlJson } from "../../../lib/sealed/header.js";
import { type SealKey, type StampKey, signKey } from "../../../lib/sealed/keys.js";
import { protect } from "../../../lib/sealed/protect.js";
import { emptyWindow, type ReplayWindow } from "../../../lib/sealed/window.js";
import { equal, fromHex, ok, type Platform, test } from "../../device/harness.js";
import type { Es256Case } from "../auth/vectors.js";
import { casesOf } from "../sealed/vectors.js";
import { attic, commandAt, keyFor, now, office, operatorKey, send, sendSigned, topic } from "./sender.js";

const empty = emptyWindow(commandWindowSize);
const rules: CommandRules = { topic, operator: null, onlySigned: false };
const sure: CommandClock = { nowSeconds: now, known: true, authenticated: true };
const unsure: CommandClock = { ...sure, authenticated: false };
const none: CommandClock = { nowSeconds: 0, known: false, authenticated: false };
const challenge = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const other = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 9);

function admitted(admission: Admission) {
  if (admission.verdict !== "fresh") throw new Error(`expected fresh, got ${admission.verdict}`);
  return admission;
}

interface Circumstances {
  readonly rules?: CommandRules;
  readonly clock?: CommandClock;
  readonly challenge?: Uint8Array | null;
}

/** Lets a message in, and says what comes of it when flash keeps its record. */
function outcomeOf(
  { crypto }: Platform,
  key: StampKey | SealKey,
  message: Uint8Array,
  { rules: given = rules, clock = sure, challenge: last = null }: Circumstances = {},
): Outcome {
  const admission = admitted(admit(crypto, key, office, empty, message));
  return judgeCommand(crypto, admission, admission.record, given, clock, last);
}

/** "run", or the status of the answer. */
function inShort(outcome: Outcome): string {
  return outcome.kind === "answer" ? outcome.status : outcome.kind;
}

function hasP256({ name }: Platform): boolean {
  return name !== "noble";
}

function ders({ vectors }: Platform): [Uint8Array, Uint8Array] {
  const [first, second] = casesOf<Es256Case>(vectors("auth/es256"));
  return [fromHex(first!.forms.pkcs8), fromHex(second!.forms.pkcs8)];
}

function pointOf({ crypto }: Platform, der: Uint8Array): Uint8Array {
  const key = crypto.importAgreementKey(der);
  const point = crypto.agreementPoint(key);
  key.close();
  return point;
}

for (const how of ["stamp", "seal"] as const)
  test(`${how}: a command runs as it was sent`, (platform) => {
    if (how === "seal" && platform.name === "noble") return;
    const { crypto } = platform;
    const key = keyFor(crypto, office, how);
    const command = commandAt(now, { args: [1, "two", false] });
    const message = send(crypto, key, 5, encodeCommand(command));
    equal(claimedController(message, false, [attic, office]), 1);
    equal(admitted(admit(crypto, key, office, empty, message)).counter, 5);
    equal(outcomeOf(platform, key, message), { kind: "run", command, byChallenge: false });
    key.key.close();
  });

test("a message is a controller's when it is not retained, not too long, and claims that controller's kid", ({
  crypto,
}) => {
  const key = keyFor(crypto, office);
  const message = send(crypto, key, 5, encodeCommand(commandAt(now)));
  equal(claimedController(message, false, [office]), 0);
  equal(claimedController(message, true, [office]), -1, "retained");
  equal(claimedController(message, false, [attic]), -1, "nobody's");
  equal(claimedController(message, false, [{ id: "office", epoch: 2 }]), -1, "of another epoch");
  equal(claimedController(message.subarray(1), false, [office]), -1, "no message");
  const overhead = send(crypto, key, 5, new Uint8Array(300)).length - 300;
  const largest = send(crypto, key, 5, new Uint8Array(maxMessageBytes - overhead));
  equal(largest.length, maxMessageBytes);
  equal(claimedController(largest, false, [office]), 0);
  const larger = send(crypto, key, 5, new Uint8Array(maxMessageBytes - overhead + 1));
  equal(claimedController(larger, false, [office]), -1, "too long");
  key.key.close();
});

test("what is signed only, or sealed to the device by anybody, is no command", (platform) => {
  if (!hasP256(platform)) return;
  const { crypto } = platform;
  const signing = signKey(office, topic, crypto.importSigningKey(ders(platform)[0]));
  const message = protect(crypto, signing, thaw({ counter: 1, plaintext: encodeCommand(commandAt(now)) }));
  equal(claimedController(message, false, [office]), -1);
  signing.key.close();
});

test("the largest command with the operator's signature is within the limit", (platform) => {
  if (!hasP256(platform)) return;
  const { crypto } = platform;
  const long = { id: "o".repeat(64), epoch: 0xffff_ffff };
  const key = keyFor(crypto, long);
  const operator = operatorKey(crypto, ders(platform)[0], "k".repeat(32));
  const args = ["a".repeat(128), "b".repeat(69)];
  const command = commandAt(now, { name: "n".repeat(32), args, challenge });
  equal(encodeCommand(command).length, 256);
  const message = sendSigned(crypto, key, 2 ** 40 - 1, operator, command);
  ok(message.length <= maxMessageBytes, `${message.length} bytes`);
  operator.key.close();
  key.key.close();
});

test("every changed byte of a message is refused, and leaves the window as it was", ({ crypto }) => {
  const key = keyFor(crypto, office);
  const message = send(crypto, key, 5, encodeCommand(commandAt(now)));
  for (let at = 0; at < message.length; at++) {
    const changed = message.slice();
    changed[at]! ^= 0x04;
    equal(admit(crypto, key, office, empty, changed).verdict, "bad", `byte ${at}`);
  }
  equal(empty, emptyWindow(commandWindowSize));
  key.key.close();
});

test("another controller's, another device's and another direction's keys open nothing", ({ crypto }) => {
  const key = keyFor(crypto, office);
  const message = send(crypto, key, 5, encodeCommand(commandAt(now)));
  for (const wrong of [keyFor(crypto, attic), keyFor(crypto, office, "stamp", "sensors/e/command")]) {
    equal(admit(crypto, wrong, office, empty, message).verdict, "bad");
    wrong.key.close();
  }
  equal(admit(crypto, key, office, empty, message).verdict, "fresh");
  key.key.close();
});

test("a counter is taken once: duplicate, conflict and stale are dropped, and so is all of a blocked controller", ({
  crypto,
}) => {
  const key = keyFor(crypto, office);
  const at = (counter: number, name = "led") =>
    send(crypto, key, counter, encodeCommand(commandAt(now, { name })));
  let window: ReplayWindow = empty;
  const arrive = (message: Uint8Array, verdict: Admission["verdict"]) => {
    const admission = admit(crypto, key, office, window, message);
    equal(admission.verdict, verdict);
    if (admission.verdict === "fresh") window = decodeWindowRecord(office, admission.record)!;
  };
  arrive(at(100), "fresh");
  arrive(at(100), "duplicate");
  arrive(at(100, "fan"), "conflict");
  arrive(at(37), "fresh");
  arrive(at(36), "stale");
  arrive(at(37), "duplicate");
  equal(admit(crypto, key, office, undefined, at(200)).verdict, "blocked");
  arrive(at(200), "fresh");
  key.key.close();
});

test("nothing is done unless flash holds the record, to the byte", ({ crypto }) => {
  const key = keyFor(crypto, office);
  const message = send(crypto, key, 5, encodeCommand(commandAt(now)));
  const admission = admitted(admit(crypto, key, office, empty, message));
  const { record } = admission;
  const torn = record.slice();
  torn[torn.length - 1]! ^= 1;
  for (const kept of [undefined, record.subarray(1), torn, new Uint8Array(0)])
    equal(judgeCommand(crypto, admission, kept, rules, sure, null), { kind: "not-kept" });
  equal(judgeCommand(crypto, admission, record.slice(), rules, sure, null).kind, "run");
  key.key.close();
});

test("what is authentic and no command is answered as malformed, and has used up its counter", (platform) => {
  const { crypto } = platform;
  const key = keyFor(crypto, office);
  const right = encodeCommand(commandAt(now));
  const none = new Uint8Array(0);
  for (const message of [
    send(crypto, key, 5, right.subarray(1)),
    send(crypto, key, 5, none),
    send(crypto, key, 5, right, senmlJson),
    protect(crypto, key, thaw({ counter: 5, plaintext: right })),
  ]) {
    equal(inShort(outcomeOf(platform, key, message)), "malformed");
    const { window } = admitted(admit(crypto, key, office, empty, message));
    equal(admit(crypto, key, office, window, message).verdict, "duplicate");
  }
  equal(inShort(outcomeOf(platform, key, send(crypto, key, 5, right))), "run");
  key.key.close();
});

type Case = readonly [change: Partial<Command>, clock: CommandClock, last: Uint8Array | null, is: string];

test("a command acts in its time alone, or by the challenge where the time is not sure", (platform) => {
  const { crypto } = platform;
  const key = keyFor(crypto, office);
  const late = (by: number, clock = sure) => ({ ...clock, nowSeconds: now + by });
  const cases: Case[] = [
    [{}, late(3600), null, "run"],
    [{}, late(3601), null, "expired"],
    [{}, late(-300), null, "run"],
    [{}, late(-301), null, "expired"],
    [{ challenge: other }, sure, challenge, "run"],
    [{ challenge }, unsure, challenge, "run"],
    [{ challenge: other }, unsure, challenge, "challenge"],
    [{}, unsure, challenge, "challenge"],
    [{ challenge }, unsure, null, "challenge"],
    [{}, unsure, null, "challenge"],
    [{ challenge }, late(3600, unsure), challenge, "run"],
    [{ challenge }, late(3601, unsure), challenge, "expired"],
    [{ challenge }, late(-301, unsure), challenge, "run"],
    [{ challenge }, none, challenge, "run"],
    [{}, none, challenge, "challenge"],
    // Nobody vouches for a time that is not there.
    [{}, { nowSeconds: now, known: false, authenticated: true }, null, "challenge"],
  ];
  for (const [change, clock, last, expected] of cases) {
    const message = send(crypto, key, 5, encodeCommand(commandAt(now, change)));
    const outcome = outcomeOf(platform, key, message, { clock, challenge: last });
    equal(inShort(outcome), expected, JSON.stringify([change, clock, last]));
    if (outcome.kind === "run") equal(outcome.byChallenge, !clock.authenticated);
  }
  key.key.close();
});

test("some names need the operator everywhere, all where the profile says so", (platform) => {
  const { crypto } = platform;
  for (const name of ["pins", "keys", "crl", "reboot"]) ok(needsOperator(name), name);
  for (const name of ["pin", "led", "reboots", ""]) ok(!needsOperator(name), name);
  const key = keyFor(crypto, office);
  const plain = (name: string) => send(crypto, key, 5, encodeCommand(commandAt(now, { name })));
  equal(inShort(outcomeOf(platform, key, plain("reboot"))), "unauthorised");
  equal(inShort(outcomeOf(platform, key, plain("led"))), "run");
  const strict = { ...rules, onlySigned: true };
  equal(inShort(outcomeOf(platform, key, plain("led"), { rules: strict })), "unauthorised");
  // Unauthorised comes before the time: whoever may not command learns nothing of the clock.
  equal(inShort(outcomeOf(platform, key, plain("reboot"), { clock: none })), "unauthorised");
  key.key.close();
});

test("nobody can have signed for an operator whose key is none, or where there is no P-256", (platform) => {
  const { crypto } = platform;
  const key = keyFor(crypto, office);
  const payload = encodeCommand(commandAt(now));
  const message = protect(crypto, key, thaw({ counter: 5, plaintext: payload, contentType: coseSign1 }));
  const nobody = { ...rules, operator: { kid: "ops", point: new Uint8Array(65).fill(4) } };
  equal(inShort(outcomeOf(platform, key, message, { rules: nobody })), "unauthorised");
  key.key.close();
});

test("the operator's signature counts for one message of one controller to one device", (platform) => {
  if (!hasP256(platform)) return;
  const { crypto } = platform;
  const [der, otherDer] = ders(platform);
  const operator = operatorKey(crypto, der);
  const stranger = operatorKey(crypto, otherDer);
  const given: CommandRules = {
    topic,
    operator: { kid: "ops", point: pointOf(platform, der) },
    onlySigned: true,
  };
  const key = keyFor(crypto, office);
  const theirs = keyFor(crypto, attic);
  const reboot = commandAt(now, { name: "reboot", args: [] });
  const is = (message: Uint8Array, expected: string, circumstances: Circumstances = {}) =>
    equal(inShort(outcomeOf(platform, key, message, { rules: given, ...circumstances })), expected);
  const signed = sendSigned(crypto, key, 5, operator, reboot);
  is(signed, "run");
  is(sendSigned(crypto, key, 5, operator, commandAt(now)), "run");
  is(send(crypto, key, 5, encodeCommand(reboot)), "unauthorised");
  is(sendSigned(crypto, key, 5, stranger, reboot), "unauthorised");
  is(sendSigned(crypto, key, 5, { ...operator, kid: Uint8Array.of(1) }, reboot), "unauthorised");
  is(sendSigned(crypto, key, 5, operator, reboot, { counter: 6 }), "unauthorised");
  is(sendSigned(crypto, key, 5, operator, reboot, { kid: theirs.kid }), "unauthorised");
  is(sendSigned(crypto, key, 5, operator, reboot, { topic: "sensors/e/command" }), "unauthorised");
  is(signed, "unauthorised", { rules });
  // What is signed is as late as what is not.
  is(signed, "expired", { clock: { ...sure, nowSeconds: now + 3601 } });
  is(signed, "challenge", { clock: none });
  for (const { key: handle } of [operator, stranger, key, theirs]) handle.close();
});
