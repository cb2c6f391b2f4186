/** docs/conformance.md leaves no statement out that binds a client, and is what the tests say. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { projectRoot } from "../shared.js";
import { namedTests, parseName } from "./named-tests.js";
import { page, regenerate, standards, testsOf } from "./page.js";
import { applies, type Standard } from "./statement.js";

const tests = await namedTests();
const versions = Object.keys(standards) as Standard[];
/** Numbers a standard does not have, though it has later ones. */
const gaps: Readonly<Record<Standard, readonly string[]>> = {
  "3.1.1": ["MQTT-3.8.3-4"],
  "5": ["MQTT-2.2.1-1"],
};

test("the lists have every number once, from 1 up in each section", () => {
  for (const standard of versions) {
    const ids = standards[standard].map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    for (const id of ids) {
      const [, section, number] = /^(MQTT-[0-9.-]+)-([0-9]+)$/.exec(id)!;
      const before = `${section}-${Number(number) - 1}`;
      const first = number === "1" || id === "MQTT-3-8.3-4";
      assert.ok(
        first || ids.includes(before) || gaps[standard].includes(before),
        `${standard}: ${before} before ${id}`,
      );
    }
  }
  assert.deepEqual(versions.map((standard) => standards[standard].length).sort(), [141, 251]);
});

test("every statement that binds this client has a test", () => {
  const without = versions.flatMap((standard) =>
    standards[standard]
      .filter((one) => applies(one) && testsOf(standard, one, tests).length === 0)
      .map(({ id, says }) => `${standard} [${id}] ${says}`),
  );
  assert.deepEqual(without, []);
});

test("every statement a test names is in its standard, and applies", () => {
  for (const { file, standards: cited, ids, words } of tests)
    for (const standard of cited)
      for (const id of ids) {
        const statement = standards[standard].find((one) => one.id === id);
        assert.ok(statement, `${file}: ${standard} has no [${id}] ("${words}")`);
        assert.equal(statement.appliesNot, undefined, `${file}: [${id}] is said not to apply`);
      }
});

test("names are read as written", () => {
  const parsed = parseName("a.test.ts", "3.1.1 [MQTT-3.1.2-1] [MQTT-3-8.3-4] words [x]");
  assert.deepEqual(parsed, {
    file: "a.test.ts",
    standards: ["3.1.1"],
    ids: ["MQTT-3.1.2-1", "MQTT-3-8.3-4"],
    words: "words [x]",
  });
  assert.deepEqual(parseName("", "words [MQTT-1.5.4-1, MQTT-1.5.4-2]"), {
    file: "",
    standards: ["5"],
    ids: ["MQTT-1.5.4-1", "MQTT-1.5.4-2"],
    words: "words",
  });
  assert.deepEqual(parseName("", "3.1.1 and 5 [MQTT-6.0.0-1] words")?.standards, ["3.1.1", "5"]);
  assert.equal(parseName("", "5 words"), undefined);
});

test("docs/conformance.md is what the tests say", () => {
  const written = readFileSync(join(projectRoot, "docs/conformance.md"), "utf8");
  assert.equal(written, page(tests), `to write it anew: ${regenerate}`);
});
