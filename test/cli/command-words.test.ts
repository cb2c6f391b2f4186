/** What `dormouse command` refuses before it connects: one line, and the exit code of a wrong call. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { argsOf } from "../../cli/command/words.js";
import { quickly } from "./mqtt-command.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-command-words-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const secret = "7c".repeat(32);
const keyring = file("office.keyring", JSON.stringify({ schema: 1, keys: [entry("sensors/d/result")] }));
const topicless = file("topicless.keyring", JSON.stringify({ schema: 1, keys: [entry("x")] }));
const open = file("open.keyring", JSON.stringify({ schema: 1, keys: [entry("x")] }), 0o644);
const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey;
const wrongKey = file("p384.pem", p384.export({ type: "pkcs8", format: "pem" }) as string);

function entry(topic: string): object {
  return { device: "d", epoch: 0, secret, topics: { [topic]: "stamp" } };
}

function file(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode });
  return path;
}

const notAList = file("not-a.crl", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
const largeList = join(folder, "large.crl");
writeFileSync(largeList, Uint8Array.of(0x30, ...new Uint8Array(3072)));

const base = ["command", "d", "led", "--keyring", keyring, "--sender", "office", "-p", "1"];
const operator = ["--operator-kid", "ops", "--operator-key"];

function builtIn(name: string, ...words: string[]): string[] {
  return ["command", "d", name, ...words, ...base.slice(3), ...operator, "env:KEY"];
}

const cases: [words: string[], code: number, line: RegExp][] = [
  [builtIn("keys", "1"), 2, /command keys: write an epoch and a salt of 32 to 128 hex digits/],
  [builtIn("keys", "1", "0123"), 2, /command keys: write an epoch and a salt/],
  [builtIn("crl", "1"), 2, /command crl: write the list's number, its file/],
  [builtIn("crl", "1", join(folder, "none.crl")), 2, /none\.crl: no such file or folder/],
  [builtIn("crl", "1", notAList), 1, /not-a\.crl: holds no certificate revocation list, in PEM or DER/],
  [builtIn("crl", "1", largeList), 1, /large\.crl: a device takes at most 3072 bytes in DER/],
  [["command", "d", "--keyring", keyring], 2, /missing required argument 'NAME'/],
  [["command", "d", "led"], 2, /required option '--keyring <FILE>' not specified/],
  [["command", "d", "Led", ...base.slice(3)], 2, /command "Led": write 1 to 32 of a to z/],
  [[...base, ..."123456789"], 2, /at most 8 arguments/],
  [[...base, "x".repeat(129)], 2, /a text has at most 128 bytes/],
  [[...base, "1e999"], 2, /argument "1e999": a number is finite/],
  [[...base, "9007199254740992"], 2, /beyond 2\^53 - 1 is not sent exactly/],
  [[...base, "-three"], 2, /unknown option '-three'|option '-t/],
  [[...base, "--expires", "soon"], 2, /--expires "soon": write a duration/],
  [[...base, "--expires", "500d"], 2, /--expires "500d": must be from 1s to 366d/],
  [["command", "--wait", "d", "led", "on", ...base.slice(3)], 2, /--wait "d": write a duration/],
  [[...base, "--wait", "0s"], 2, /--wait "0s": must be from/],
  [[...base, "--base", "a/#"], 2, /--base: /],
  [[...base, "--protection", "sign"], 2, /--protection "sign": must be one of stamp, seal/],
  [[...base, "--algorithm", "rot13"], 2, /--algorithm "rot13": must be one of hmac-256/],
  [[...base, "--protection", "stamp", "--algorithm", "a128gcm"], 2, /a128gcm goes with --protection seal/],
  [[...base, "-L", "mqtt://localhost/topic"], 2, /-L/],
  [[...base, "--operator-kid", "ops"], 2, /--operator-key and --operator-kid go together/],
  [[...base, "--operator-key", "-"], 2, /--operator-key and --operator-kid go together/],
  [[...base, ...operator, secret], 2, /--operator-key: write file:PATH, env:NAME or - /],
  [[...base, ...operator, `file:${wrongKey}`], 1, /a P-256 private key in PEM/],
  [[...base, ...operator, `file:${keyring}`], 1, /a P-256 private key in PEM/],
  [
    [...base, ...operator, `file:${open}`],
    1,
    /--operator-key: .*open.keyring is open to others than its owner/,
  ],
  [[...base, ...operator, "file:/nowhere"], 1, /--operator-key: \/nowhere: no such file/],
  [["command", "d", "reboot", ...base.slice(3)], 2, /"reboot" needs the operator's signature/],
  [["command", "d", "led", "--keyring", keyring], 2, /--sender ID is missing/],
  [["command", "d", "led", "--keyring", open, "--sender", "o"], 1, /open to others than its owner/],
  [["command", "d", "led", "--keyring", join(folder, "none"), "--sender", "o"], 1, /none: no such file/],
  [
    ["command", "d", "led", "--keyring", topicless, "--sender", "o", "--wait"],
    1,
    /has no key for what "d" answers on sensors\/d\/result/,
  ],
  [["command", "e", "led", ...base.slice(3)], 1, /no key for commands of "office" to "e"|connect-failed/],
  [base, 1, /connect-failed/],
];

for (const [words, code, line] of cases)
  test(`${words.slice(3).join(" ").replaceAll(folder, "").slice(0, 60)}: ${line.source.slice(0, 40)}`, async () => {
    const ran = await quickly(words);
    assert.match(ran.stderr, line);
    assert.equal(ran.code, code, ran.stderr);
    assert.equal(ran.stderr.split("\n").length, 2, "one line");
    assert.ok(!ran.stderr.includes(secret), "the secret is not repeated");
  });

test("what is refused as a wrong call leaves no file behind", () => {
  assert.ok(!existsSync(`${topicless}.counters`));
});

test("arguments are JSON's numbers and booleans, and text", () => {
  const words = [
    "1",
    "-2.5",
    "1e3",
    "true",
    "false",
    "null",
    "01",
    "+1",
    ".5",
    "",
    " 1",
    '"7"',
    '"a\\nb"',
    '"',
  ];
  const values = [1, -2.5, 1000, true, false, "null", "01", "+1", ".5", "", " 1", "7", "a\nb", '"'];
  for (const [i, word] of words.entries()) assert.deepEqual(argsOf([word]), [values[i]], word);
  assert.ok(Object.is(argsOf(["-0"])[0], 0));
});
