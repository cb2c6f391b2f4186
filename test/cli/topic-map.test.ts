/** `--map FROM=TO`: where a topic leads, what to subscribe to, and which filters meet. */
import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { targetSettings } from "../../cli/receive/target-flags.js";
import { filtersMeet, TopicMap } from "../../cli/receive/topic-map.js";

const maps: [string, string, string | undefined][] = [
  ["a=b", "a", "b"],
  ["a=b", "a/c", undefined],
  ["site/+/x=+/y", "site/d/x", "d/y"],
  ["site/+/x=+/y", "site/d/e/x", undefined],
  ["site/+/x=+/y", "site//x", "/y"],
  ["+/+=x/+/+", "1/2", "x/1/2"],
  ["site/#=#", "site/a/b", "a/b"],
  ["site/+/#=s/+/#", "site/a/b/c", "s/a/b/c"],
  ["#=s/#", "a/b", "s/a/b"],
  ["#=s/#", "$SYS/b", undefined],
  ["a=b=c", "a", "b=c"],
];
for (const [text, topic, to] of maps)
  test(`${text} maps ${topic} to ${to}`, () => equal(new TopicMap("--map", [text]).map(topic), to));

test("the first pair that fits counts", () => {
  const map = new TopicMap("--map", ["a/x=1", "a/+=b/+", "#=rest/#"]);
  deepEqual(
    ["a/x", "a/y", "c"].map((topic) => map.map(topic)),
    ["1", "b/y", "rest/c"],
  );
});

const filters: [string, string, string[]][] = [
  ["site/+/x=+/y", "d/y", ["site/d/x"]],
  ["site/+/x=+/y", "+/y", ["site/+/x"]],
  ["site/#=#", "sensors/+/readings", ["site/sensors/+/readings"]],
  // Wider than what the pair gives: all that the pair takes.
  ["site/+/x=+/y", "d/#", ["site/+/x"]],
  ["site/+/x=+/y", "d/z", ["d/z"]],
];
for (const [text, filter, from] of filters)
  test(`for ${filter} behind ${text}, subscribe to ${from}`, () =>
    deepEqual(new TopicMap("--map", [text]).filtersFor(filter), from));

const pairs: [string, string, boolean][] = [
  ["a", "a", true],
  ["a", "b", false],
  ["a", "a/b", false],
  ["a/+", "a/b", true],
  ["a/+", "a", false],
  ["+/b", "a/+", true],
  ["+/b", "a/c", false],
  ["a/#", "a", true],
  ["a/b/#", "a", false],
  ["a/#", "a/b/c", true],
  ["a/#", "b/#", false],
  ["#", "b/c", true],
  ["a/+/c", "a/b/+", true],
  ["clear/#", "sensors/#", false],
];
for (const [one, other, meet] of pairs)
  test(`${one} and ${other} ${meet ? "meet" : "do not meet"}`, () =>
    deepEqual([filtersMeet(one, other), filtersMeet(other, one)], [meet, meet]));

test("clear readings without TLS: a name of this machine is looked at again when the connection stands", async () => {
  const source = {
    endpoint: { host: "h", port: 1, tls: null },
    session: { clientId: "c" },
    kept: undefined,
    properties: { connect: {}, publish: {}, will: {} },
    onTrace: undefined,
  };
  const { endpoint } = await targetSettings({ toUrl: "mqtt://somewhere.localhost" }, source, false);
  equal(endpoint.loopbackOnly, "readings in clear");
  const meant = await targetSettings({ toUrl: "mqtt://192.0.2.1", toInsecure: true }, source, false);
  equal(meant.endpoint.loopbackOnly, false);
});
