/** `--pcap` and `--keylog`: what Wireshark makes of a run, with the keys and without them. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { promisify } from "node:util";
import { simOptions } from "../../cli/sim.js";
import { engineFile } from "../../host-sim/engine-file.js";
import { root } from "../../host-sim/paths.js";
import { simulate } from "../../host-sim/run.js";
import { faults, payload, tshark } from "../tshark.js";
import { only, run } from "./run.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-pcap-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const board = "esp32c3";
const topic = "sensors/dormouse-1/readings";
/** Whatever the port, it is TLS, and MQTT within. */
const mqttInTls = ["-d", "tcp.port==1-65535,tls", "-d", "tls.port==1-65535,mqtt"];
const plainMqtt = ["-d", "tcp.port==1-65535,mqtt"];

/** Topic and payload of each PUBLISH that Wireshark sees. */
async function published(capture: string, options: readonly string[]): Promise<[string, Buffer][]> {
  const rows = await tshark(capture, ["mqtt.topic", "mqtt.msg"], "mqtt.msgtype == 3", options);
  return rows.map(([name, message]) => [name!, Buffer.from(message!, "hex")]);
}

function assertReadings(found: readonly [string, Buffer][], sent: readonly { bytes: number }[]): void {
  assert.deepEqual(
    found.map(([name, message]) => [name, message.length]),
    sent.map(({ bytes }) => [topic, bytes]),
  );
  for (const [, message] of found) {
    assert.equal(message[0], 0xd1, "COSE_Mac0's tag, 17");
    for (const word of ["dormouse-1:", "temperature", "Cel"]) assert.ok(message.includes(word), word);
  }
}

describe("a run over TLS", () => {
  for (const [version, brokerMaxVersion] of [
    ["TLS 1.3", undefined],
    ["TLS 1.2", "TLSv1.2"],
  ] as const)
    test(`${version}: with the key log each PUBLISH is there, without it none`, async () => {
      const keylog = join(scratch, `${version}.keys`);
      const pcap = join(scratch, `${version}.pcap`);
      const disturbance = { brokerMaxVersion };
      const { events, summary } = await run({ board, cycles: "2", keylog, pcap }, undefined, { disturbance });
      assert.deepEqual(only(events, "error"), []);
      const secured = only(events, "phase").filter(({ name }) => name === "secure");
      assert.deepEqual(
        secured.map(({ detail }) => detail?.slice(0, 7)),
        [version, version],
      );

      const open = ["-o", `tls.keylog_file:${keylog}`, ...mqttInTls];
      const found = await published(pcap, open);
      assertReadings(found, only(events, "sent"));
      assert.equal(found.length, 2);
      assert.notDeepEqual(found[0], found[1]);
      assert.deepEqual(await faults(pcap, open), []);

      assert.deepEqual(await published(pcap, mqttInTls), []);
      assert.deepEqual(await tshark(pcap, ["frame.number"], "mqtt", mqttInTls), []);
      for (const word of [topic, "temperature", "dormouse-1"])
        assert.deepEqual(await tshark(pcap, ["frame.number"], `frame contains "${word}"`), [], word);
      assert.deepEqual(await faults(pcap, mqttInTls), []);

      await assertWhole(pcap, summary);
      const [first, second] = await tshark(pcap, ["frame.time_epoch"], "tcp.flags == 2");
      const between = Number(second) - Number(first);
      assert.ok(Math.abs(between - 900) < 5, `${between} s from wake to wake`);
    });
});

/** All that the meters counted is there, and nothing else. */
async function assertWhole(pcap: string, summary: { bytesUp: number; bytesDown: number }): Promise<void> {
  const [[port] = []] = await tshark(pcap, ["tcp.dstport"], "tcp.flags == 2");
  const up = await payload(pcap, `tcp.dstport == ${port}`);
  const down = await payload(pcap, `tcp.srcport == ${port}`);
  assert.deepEqual([up.length / 2, down.length / 2], [summary.bytesUp, summary.bytesDown]);
  const others = await tshark(pcap, ["frame.number"], `not (tcp.port == ${port} and ip.addr == 127.0.0.1)`);
  assert.deepEqual(others, []);
}

test("plain MQTT: whoever has the capture has everything", async () => {
  const pcap = join(scratch, "plain.pcap");
  const { profile } = await simOptions({ board });
  const broker = { ...profile.broker, tls: false, insecure: true } as const;
  const { events, summary } = await run({ board, cycles: "2", pcap }, undefined, {
    profile: { ...profile, broker },
  });
  assert.deepEqual(only(events, "error"), []);
  assertReadings(await published(pcap, plainMqtt), only(events, "sent"));
  assert.equal(summary.published, 2);
  assert.deepEqual(await faults(pcap, plainMqtt), []);
  await assertWhole(pcap, summary);
});

test("the command lines of docs/simulator.md show what it says", async () => {
  const keylog = join(scratch, "documented.keys");
  const pcap = join(scratch, "documented.pcap");
  await run({ board, cycles: "1", keylog, pcap });
  const guide = readFileSync(join(root, "docs/simulator.md"), "utf8");
  const lines = guide.split("\n").filter((line) => line.startsWith("tshark "));
  const shown: string[] = [];
  for (const line of lines) {
    const command = line.replace("traffic.pcap", pcap).replace("keys.log", keylog);
    const { stdout } = await promisify(execFile)("tshark", command.split(" ").slice(1));
    shown.push(stdout);
  }
  const [packets, payloads, withoutKeys, ...more] = shown;
  assert.match(packets!, /MQTT .* Publish Message \(id=1\) \[sensors\/dormouse-1\/readings\]/);
  assert.match(payloads!, /^sensors\/dormouse-1\/readings\td184[0-9a-f]{200,}\n$/);
  assert.match(withoutKeys!, /\[SYN\]/);
  assert.doesNotMatch(withoutKeys!, /dormouse-1/);
  assert.deepEqual(more, []);
});

test("the next run's capture has only that run", async () => {
  const pcap = join(scratch, "again.pcap");
  await run({ board, cycles: "2", pcap });
  const size = statSync(pcap).size;
  await run({ board, cycles: "1", pcap });
  assert.equal((await tshark(pcap, ["frame.number"], "tcp.flags == 2")).length, 1);
  assert.ok(statSync(pcap).size < size);
  assert.equal(statSync(pcap).mode & 0o777, 0o600);
});

test("a full disk: the run goes on and succeeds, a note says where the capture ends", async () => {
  const pcap = join(scratch, "full.pcap");
  const engine = join(scratch, "engine-with-limit");
  writeFileSync(engine, `#!/bin/sh\nulimit -f 8\nexec ${await engineFile("release")} "$@"\n`, {
    mode: 0o700,
  });
  const notes: string[] = [];
  const reporter = { report: () => {}, note: (text: string) => void notes.push(text) };
  const tally = await simulate({ ...(await simOptions({ board, pcap })), engine }, reporter);
  assert.ok(tally.success);
  assert.equal(tally.summary.verified, 3);
  const packets = (await tshark(pcap, ["frame.number"])).length;
  const last = notes.filter((note) => note.startsWith("the capture"));
  assert.deepEqual(last, [`the capture ends here, after ${packets} packets: File too large`]);
});
