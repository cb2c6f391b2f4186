/**
 * Each of three implementations opens what the others made, to the same content, and all refuse what was damaged:
 * lib/sealed, host-sim/world/opener.ts with its sealer, and examples/receive.py.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Prng } from "../../host-sim/world/prng.js";
import { seed } from "../campaign.js";
import { PythonPeer, withoutPythonReceiver } from "./python-peer.js";
import { type Draft, Drafting, damages, kinds, spliced } from "./sealed-drafts.js";
import { contentOf, independent, lib, pythonSide, type Side } from "./sealed-sides.js";

const messagesEach = 1000;

const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");

describe("three implementations agree", { skip: withoutPythonReceiver, timeout: 300_000 }, () => {
  let peer: PythonPeer;
  let sides: readonly (readonly [string, Side])[];
  before(() => {
    console.log(`seed ${seed}`);
    peer = new PythonPeer();
    sides = [
      ["lib/sealed", lib],
      ["host-sim/world", independent],
      ["examples/receive.py", pythonSide(peer)],
    ];
  });
  after(() => peer.stop());

  for (const [name, kind] of Object.entries(kinds)) {
    /** A third of the messages from each. */
    async function made(stream: string) {
      const random = new Prng(seed, `${name}, ${stream}`);
      const drafting = new Drafting(kind, random);
      const drafts = Array.from({ length: messagesEach }, () => drafting.draft());
      const cases: { draft: Draft; message: Uint8Array; by: string }[] = [];
      for (const [turn, [by, side]] of sides.entries()) {
        const own = drafts.filter((_, at) => at % sides.length === turn);
        for (const [at, message] of (await side.make(own)).entries())
          cases.push({ draft: own[at]!, message, by });
      }
      return { random, cases };
    }

    test(`${name}: each opens what all have made`, async () => {
      const { cases } = await made("good");
      assert.equal(cases.length, messagesEach);
      const found = await Promise.all(sides.map(async ([by, side]) => [by, await side.open(cases)] as const));
      for (const [at, { draft, by }] of cases.entries())
        for (const [reader, contents] of found) {
          const { identity, ...content } = contents[at] ?? { identity: null };
          const what = `message ${at} of ${by}, opened by ${reader}`;
          assert.deepEqual(content, contentOf(draft), what);
          assert.equal(identity, found[0]![1][at]!.identity, what);
        }
    });

    test(`${name}: all refuse what was damaged`, async () => {
      const { random, cases } = await made("damaged");
      const damaged = cases.map(({ draft, message }, at) => {
        const [worse, taken] = damages[at % damages.length]!(message, draft, random);
        return { draft: taken, message: worse };
      });
      for (const [reader, side] of sides)
        for (const [at, content] of (await side.open(damaged)).entries())
          assert.equal(
            content,
            null,
            `${reader} accepts number ${at}, damaged in way ${at % damages.length}`,
          );
    });

    if (kind.protection === "stamp" || kind.protection === "seal")
      test(`${name}: all make the same bytes`, async () => {
        const drafting = new Drafting(kind, new Prng(seed, `${name}, same`));
        const drafts = Array.from({ length: 100 }, () => drafting.draft());
        const [first, ...others] = await Promise.all(
          sides.map(async ([, side]) => (await side.make(drafts)).map(hex)),
        );
        for (const other of others) assert.deepEqual(other, first);
      });
  }

  test("a signature turned into its other form is the same message for all", async () => {
    const drafting = new Drafting({ protection: "sign" }, new Prng(seed, "malleable"));
    const drafts = Array.from({ length: 20 }, () => drafting.draft());
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    for (const [at, message] of (await lib.make(drafts)).entries()) {
      const s = BigInt(`0x${hex(message.subarray(-32))}`);
      const other = spliced(
        message,
        message.length - 32,
        32,
        Buffer.from((order - s).toString(16).padStart(64, "0"), "hex"),
      );
      for (const [reader, side] of sides) {
        const [one, two] = await side.open(
          [message, other].map((form) => ({ draft: drafts[at]!, message: form })),
        );
        assert.ok(one, reader);
        assert.deepEqual(two, one, reader);
      }
    }
  });

  test("a signature with a zero more in it is none for all", async () => {
    const drafting = new Drafting({ protection: "sign" }, new Prng(seed, "longer"));
    const draft = drafting.draft();
    const [message] = await lib.make([draft]);
    // The byte string's head, r, and s with a leading zero: the same two numbers.
    const head = message!.length - 66;
    const [r, s] = [message!.subarray(head + 2, head + 34), message!.subarray(head + 34)];
    const longer = spliced(message!, head, 66, Uint8Array.of(0x58, 65, ...r, 0, ...s));
    for (const [reader, side] of sides) {
      const forms = [message!, longer].map((form) => ({ draft, message: form }));
      const [one, two] = await side.open(forms);
      assert.ok(one, reader);
      assert.equal(two, null, reader);
    }
  });
});
