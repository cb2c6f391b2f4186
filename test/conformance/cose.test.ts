/**
 * The COSE working group's examples in Node: all of them, with a list of those that lib/cose accepts. Each of these
 * is made again from its keys and randomness, byte for byte.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { acceptedExamples, checkExample, type Example } from "../device/cose-examples.js";
import { nodeCrypto } from "../node-crypto.js";
import { coseExamples, readShared, sharedFolder } from "./shared.js";

const skip = !existsSync(`${sharedFolder}/cose`) && "left out: no ../shared/vectors/cose beside the project";

test("the examples that lib/cose accepts are there, and as many that it refuses", { skip }, () => {
  const names = coseExamples();
  for (const name of acceptedExamples) assert.ok(names.includes(name), name);
  assert.ok(names.length - acceptedExamples.length > 60, String(names.length));
});

test("an example that is meant to fail is on no list", { skip }, () => {
  for (const name of acceptedExamples) {
    const { fail, input } = readShared(`cose/${name}.json`) as Example;
    assert.ok(!fail && !input.fail, name);
  }
});

for (const name of skip ? [] : coseExamples()) {
  const accepted = acceptedExamples.includes(name);
  test(`COSE example ${name} is ${accepted ? "accepted, and made again" : "refused"}`, () =>
    checkExample(nodeCrypto, readShared(`cose/${name}.json`) as Example, accepted));
}
