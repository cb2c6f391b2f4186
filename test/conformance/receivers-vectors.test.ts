/**
 * The vectors of every protection, which share no code with any receiver, judged by the receivers that share none with
 * lib/sealed: host-sim/world/opener.ts, and examples/receive.py.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { open, openOperator, type Sender } from "../../host-sim/world/opener.js";
import { type SealAlgorithm, type StampAlgorithm, stampAlgorithms } from "../../host-sim/world/seal-keys.js";
import type { ContentType } from "../../lib/sealed/header.js";
import { PythonPeer, withoutPythonReceiver } from "./python-peer.js";
import { type Draft, type Kind, Pair } from "./sealed-drafts.js";
import { type Content, independent, pythonSide, type Side } from "./sealed-sides.js";
import { projectRoot } from "./shared.js";

interface Owner {
  readonly senderId: string;
  readonly epoch: number;
  readonly shortKid?: string;
}

/** Bytes in hex. What a case does not say stands in its file. */
interface Case extends Owner {
  readonly name: string;
  /** Absent: it is. */
  readonly accept?: boolean;
  readonly withoutSigner?: "unauthenticated" | "bad";
  readonly secret?: string;
  readonly alg?: number;
  readonly direction?: "up" | "down";
  readonly topic: string;
  readonly counter: number;
  readonly contentType?: ContentType;
  readonly payload: string;
  readonly identity?: string;
  readonly signKey?: string;
  readonly signer?: Owner & { readonly signKey: string };
  readonly recipientKid?: string;
  readonly recipientKey?: string;
  readonly operatorKid?: string;
  readonly operatorKey?: string;
  readonly command?: string;
  readonly message: string;
}

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));

function casesOf(file: string): Case[] {
  const { cases, ...common } = JSON.parse(
    readFileSync(join(projectRoot, "test/vectors/sealed", `${file}.json`), "utf8"),
  );
  return cases.map((one: object) => ({ ...common, ...one }));
}

function kindOf({ recipientKid, signer, signKey, alg }: Case, signed = signer !== undefined): Kind {
  if (recipientKid !== undefined) return { protection: "sealTo", signed };
  if (signKey !== undefined) return { protection: "sign" };
  return alg! in stampAlgorithms
    ? { protection: "stamp", algorithm: alg as StampAlgorithm }
    : { protection: "seal", algorithm: alg as SealAlgorithm };
}

const nobody = new Pair();
const pairOf = (der: string | undefined) => (der === undefined ? nobody : new Pair(bytes(der)));

function draftOf(one: Case, kind = kindOf(one)): Draft {
  const { senderId = "nobody", epoch = 0, shortKid } = one.signer ?? one;
  return {
    kind,
    direction: one.direction ?? "up",
    id: senderId,
    epoch,
    kid: shortKid === undefined ? undefined : bytes(shortKid),
    topic: one.topic,
    secret: bytes(one.secret ?? ""),
    own: pairOf(one.signer?.signKey ?? one.signKey),
    recipient: pairOf(one.recipientKey),
    recipientName: Buffer.from(one.recipientKid ?? "", "hex").toString("latin1"),
    counter: one.counter,
    contentType: one.contentType ?? null,
    payload: bytes(one.payload ?? ""),
  };
}

/** A keyring names recipients in UTF-8. */
const isText = ({ recipientKid = "" }: Case) => /^([2-7][0-9a-f])*$/.test(recipientKid);
/** The example receives, and commands go the other way. */
const isReceived = ({ contentType }: Case) => contentType !== 18;

const files = [
  "stamp",
  "stamp-reject",
  "seal",
  "seal-reject-ccm",
  "seal-reject-chacha",
  "sign",
  "sign-reject",
];

async function judge(side: Side, cases: readonly Case[], kind?: Kind): Promise<(Content | null)[]> {
  return side.open(cases.map((one) => ({ draft: draftOf(one, kind), message: bytes(one.message) })));
}

function check(cases: readonly Case[], found: readonly (Content | null)[]): void {
  for (const [at, one] of cases.entries()) {
    if (one.accept === false) {
      assert.equal(found[at], null, one.name);
      continue;
    }
    const { identity, ...content } = found[at] ?? { identity: null };
    const { counter, contentType = null, payload, recipientKid, signer } = one;
    const vouched = recipientKid === undefined || signer !== undefined;
    assert.deepEqual(content, { counter: vouched ? counter : null, contentType, payload }, one.name);
    if (one.identity !== undefined) assert.equal(identity, one.identity, one.name);
  }
}

function judged(name: string, sideOf: () => Side, takes: (one: Case) => boolean, readsSigned: boolean): void {
  for (const file of [...files, "seal-to", "seal-to-reject"])
    test(`${name}: ${file}`, async () => {
      const cases = casesOf(file).filter(takes);
      assert.ok(cases.length >= 10, `${cases.length} cases`);
      check(cases, await judge(sideOf(), cases));
    });

  test(`${name}: seal-to-reject, where no signer is known`, async () => {
    const cases = casesOf("seal-to-reject").filter(takes);
    const found = await judge(sideOf(), cases, { protection: "sealTo", signed: false });
    for (const [at, { name, withoutSigner }] of cases.entries()) {
      const unsigned = name.startsWith("not signed") || name === "signed, but said to be SenML";
      const wanted = withoutSigner === "unauthenticated" && (readsSigned || unsigned);
      assert.equal(found[at] !== null, wanted, `${name}: ${JSON.stringify(found[at])}`);
      if (wanted) assert.deepEqual([found[at]!.counter, found[at]!.identity], [null, null], name);
    }
  });
}

describe("the simulator's receiver", () => {
  // What its Sender takes is bytes; a Draft's recipient is text.
  judged("opener.ts", () => independent, isText, true);

  for (const file of ["operator", "operator-reject"])
    test(`opener.ts: ${file}`, () => {
      const cases = casesOf(file);
      assert.ok(cases.length >= 4);
      for (const one of cases) {
        const { senderId: id, epoch, alg, secret, topic, operatorKid, operatorKey } = one;
        const kind = kindOf({ ...one, alg: alg! });
        const accepts = { ...kind, secret: bytes(secret!) } as Sender["accepts"];
        const outer = open(bytes(one.message), topic, [{ id, epoch, direction: "down", accepts }]);
        const operator = { kid: bytes(operatorKid!), publicKey: pairOf(operatorKey).publicKey };
        const found = "refused" in outer ? outer : openOperator(outer, topic, operator);
        if (one.accept === false) assert.ok("refused" in found, one.name);
        else assert.deepEqual(found, bytes(one.command ?? one.payload), one.name);
      }
    });
});

describe("the Python example", { skip: withoutPythonReceiver }, () => {
  let peer: PythonPeer;
  before(() => {
    peer = new PythonPeer();
  });
  after(() => peer.stop());
  // Without signers in its keyring it refuses what is signed: then the keyring is not finished.
  judged(
    "receive.py",
    () => pythonSide(peer),
    (one) => isText(one) && isReceived(one),
    false,
  );
});
