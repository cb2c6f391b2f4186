/** Some of the places where a session can break off; test/provisioning/unplugged.test.ts has them all. */
import { equal, ok, test } from "../../device/harness.js";
import { certifiedPlan, pskPlan } from "./bench.js";
import { cutSession, endings, sizeOf, whole } from "./session.js";

test("wherever flash loses its power, the board is complete or unprovisioned, and a repeat ends complete", ({
  name,
  crypto,
}) => {
  for (const plan of name === "noble" ? [pskPlan] : [pskPlan, certifiedPlan]) {
    const { changes } = sizeOf(crypto, plan);
    ok(changes > 3, "several changes");
    for (let left = 0; left < changes; left++)
      equal(cutSession(crypto, plan, whole(), "power", left), "unprovisioned", `${left} changes`);
    equal(cutSession(crypto, plan, whole(), "power", changes), "complete", "all");
  }
});

test("a line that is cut leaves nothing half, and a repeat ends complete", ({ crypto }) => {
  const { down, up } = sizeOf(crypto, pskPlan);
  for (const ending of endings) {
    for (let bytes = 0; bytes < down; bytes += 89)
      cutSession(crypto, pskPlan, { ...whole(), down: bytes }, ending);
    for (let bytes = 0; bytes < up; bytes += 43)
      cutSession(crypto, pskPlan, { ...whole(), up: bytes }, ending);
  }
});
