import { encodeRequest } from "../../../lib/provisioning/messages.js";
import { equal, ok, test } from "../../device/harness.js";
import { Bench, certifiedPlan, granted, provision, pskPlan, stage } from "./bench.js";

test("a board says what it is, and that nobody has provisioned it", ({ crypto }) => {
  const bench = new Bench(crypto);
  const { info } = granted(bench.ask({ kind: "hello" }), "hello");
  equal(info, {
    protocol: 1,
    state: "unprovisioned",
    board: "esp32c3",
    firmware: "0.1.0",
    mac: "a0b1c2d3e4f5",
    button: true,
    p256: true,
  });
  equal(bench.machine.helloAtMs, 1000);
  equal(bench.machine.heardAtMs, 1000);
});

test("what the profile asks for, and then the commit: the board is complete and locked", ({
  name,
  crypto,
}) => {
  for (const plan of name === "noble" ? [pskPlan] : [pskPlan, certifiedPlan]) {
    const bench = new Bench(crypto);
    const device = provision(bench.ask, plan);
    equal(device.id, "dm-7");
    equal(device.epoch, 3);
    equal(bench.machine.state, "locked");
    equal(bench.store.log[bench.store.log.length - 1], "record", "the record comes last");
    const { info } = granted(bench.ask({ kind: "hello" }), "hello");
    equal(info.device, device);
    bench.reboot({ mode: "read-only" });
    equal(granted(bench.ask({ kind: "hello" }), "hello").info, info);
  }
});

test("a repeated request is answered alike, and not done again", ({ crypto }) => {
  const bench = new Bench(crypto);
  stage(bench.ask, pskPlan);
  const commit = encodeRequest({ kind: "commit", epoch: 3 }, 200);
  const first = bench.exchange(commit);
  granted(first.answer!, "commit");
  const changes = bench.store.log.length;
  equal(bench.exchange(commit).sent, first.sent);
  equal(bench.store.log.length, changes);
  const again = bench.exchange(encodeRequest({ kind: "commit", epoch: 3 }, 201));
  equal(granted(again.answer!, "error").error, "locked");
  ok(bench.machine.state === "locked", "still");
});
