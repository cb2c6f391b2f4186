import { isModest } from "../../../lib/provisioning/modest-json.js";
import { equal, test } from "../../device/harness.js";
import { Bench, granted, pskPlan, refused, stage, textBytes, writes } from "./bench.js";

const modest = (json: string) => isModest(textBytes(json));

test("six levels and 160 values are parsed, no more", () => {
  equal(modest("[".repeat(6)), true);
  equal(modest("[".repeat(7)), false);
  equal(modest('{"a":'.repeat(6)), true);
  equal(modest('{"a":'.repeat(7)), false);
  equal(modest(`[${"[],".repeat(10)}[]]`), true, "side by side");
  equal(modest(`[${"1,".repeat(159)}1]`), true);
  equal(modest(`[${"1,".repeat(160)}1]`), false);
  equal(modest(`[${"{},".repeat(79)}1]`), true);
  equal(modest(`[${"{},".repeat(80)}1]`), false);
});

test("what stands in a text counts for nothing, wherever the text ends", () => {
  const many = ",".repeat(200) + "[".repeat(9);
  equal(modest(`["${many}"]`), true);
  equal(modest(`["\\"${many}"]`), true);
  equal(modest(`["\\\\"${many}]`), false);
  equal(modest(`["",${many}]`), false);
});

test("a profile that is more than that is refused as it is written, and not stored", ({ crypto }) => {
  const bench = new Bench(crypto);
  stage(bench.ask, pskPlan);
  const before = bench.store.readText("profile");
  for (const text of ["[".repeat(3900), `[${"1,".repeat(1900)}1]`]) {
    const parts = writes("profile", textBytes(text));
    const last = parts.pop()!;
    for (const part of parts) granted(bench.ask(part), "write");
    equal(refused(bench.ask(last)), "bad-value");
  }
  equal(bench.store.readText("profile"), before);
});
