/** The host's sequence against the device's machine, on a line without I/O where answers can be lost or forged. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeCrypto } from "../../backend/node-crypto.js";
import { verifier } from "../../cli/provision/provisioning.js";
import { ProvisioningClient } from "../../lib/provisioning/client.js";
import { Demultiplexer } from "../../lib/provisioning/demultiplexer.js";
import { HostFailure, type HostFailureKind } from "../../lib/provisioning/host-failure.js";
import {
  type Answer,
  decodeRequest,
  type EntryName,
  encodeAnswer,
  type Request,
} from "../../lib/provisioning/messages.js";
import { type Progress, type ProvisioningPlan, provision } from "../../lib/provisioning/provision.js";
import { storedProfile } from "../../lib/store/flash-entries.js";
import {
  Bench,
  byPsk,
  ca,
  certificateOf,
  certified,
  psk,
  secret,
  textBytes,
} from "../lib/provisioning/bench.js";
import { HostPort } from "./host-port.js";

/** What becomes of a request's answer: another, or none. */
type Line = (request: Request, answer: Answer) => Answer | undefined;

const asItIs: Line = (_, answer) => answer;

function scene(line: Line = asItIs, longestFrame = Number.POSITIVE_INFINITY) {
  const bench = new Bench(nodeCrypto);
  const port = new HostPort();
  const client = new ProvisioningClient(port, 7);
  const requests: Request[] = [];
  const reader = new Demultiplexer();
  let pieces: Uint8Array[] = [];
  port.out = (bytes) => {
    pieces.push(bytes.slice());
    for (const event of reader.receive(bytes, port.nowMs())) {
      if (event.kind !== "frame") continue;
      const whole = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
      pieces = [];
      if (whole.length > longestFrame) continue;
      const request = decodeRequest(event.frame) as Request;
      requests.push(structuredClone(request));
      bench.nowMs = 1000 + port.nowMs();
      const { answer } = bench.exchange(whole);
      const said = answer && line(request, answer);
      if (said) client.received(encodeAnswer(said, event.frame.sequence));
    }
  };
  return { bench, port, client, requests };
}

const byPskPlan: ProvisioningPlan = {
  deviceId: "dm-7",
  epoch: 3,
  keepWifi: false,
  entries: new Map<EntryName, Uint8Array>([
    ["profile", textBytes(storedProfile(byPsk, { ca: false, crl: false }))],
    ["secret", secret],
    ["tls-psk", psk],
  ]),
  publicKeys: new Map(),
  generate: [],
  needsP256: false,
};

const certifiedPlan: ProvisioningPlan = {
  ...byPskPlan,
  entries: new Map<EntryName, Uint8Array>([
    ["profile", textBytes(storedProfile(certified, { ca: true, crl: false }))],
    ["secret", secret],
    ["ca", ca],
  ]),
  generate: ["tls-key", "sign-key"],
  needsP256: true,
};

function hooks(log: string[] = []) {
  return {
    ...verifier,
    issue: async (_csr: Uint8Array, point: Uint8Array) => certificateOf(point),
    beforeCommit: async () => {
      log.push("kept");
    },
    progress: ({ step }: Progress) => {
      log.push(step);
    },
  };
}

async function failed(line: Line, plan: ProvisioningPlan, kind: HostFailureKind): Promise<void> {
  const { port, client } = scene(line);
  await assert.rejects(port.until(provision(client, plan, hooks())), (error: unknown) => {
    assert.ok(error instanceof HostFailure, String(error));
    assert.equal(error.kind, kind);
    return true;
  });
}

for (const [name, plan] of Object.entries({ byPskPlan, certifiedPlan }))
  test(`${name}: committed, proved, restarted; what must not be lost is stored before the commit`, async () => {
    const { bench, port, client, requests } = scene();
    const log: string[] = [];
    const device = await port.until(provision(client, plan, hooks(log)));
    assert.deepEqual([device.id, device.epoch], ["dm-7", 3]);
    assert.equal(bench.machine.state, "locked");
    const kinds = requests.map(({ kind }) => kind);
    assert.deepEqual([...new Set(kinds)].at(-1), "restart");
    assert.equal(kinds.filter((kind) => kind === "prove").length, 2 + Number(plan === certifiedPlan));
    assert.equal(log.indexOf("kept") + 1, log.indexOf("commit"));
    assert.ok(log.lastIndexOf("write") < log.indexOf("kept"));
  });

test("the answer to the commit is lost for good: the device says itself that it has it", async () => {
  const { bench, port, client } = scene((request, answer) =>
    request.kind === "commit" ? undefined : answer,
  );
  const device = await port.until(provision(client, byPskPlan, hooks()));
  assert.equal(device.epoch, 3);
  assert.equal(bench.machine.state, "locked");
});

test("the commit itself is lost for good: it did not happen", () =>
  failed(
    (request, answer) => {
      if (request.kind === "hello" && answer.kind === "hello" && answer.info.device) {
        const { device: _, ...info } = answer.info;
        return { kind: "hello", info: { ...info, state: "staging" } };
      }
      return request.kind === "commit" ? undefined : answer;
    },
    byPskPlan,
    "no-answer",
  ));

test("a restart that nobody answers is no failure", async () => {
  const { port, client } = scene((request, answer) => (request.kind === "restart" ? undefined : answer));
  assert.equal((await port.until(provision(client, byPskPlan, hooks()))).id, "dm-7");
});

test("a line that loses long frames gets shorter ones", async () => {
  const { bench, port, client, requests } = scene(asItIs, 150);
  await port.until(provision(client, byPskPlan, hooks()));
  assert.equal(bench.machine.state, "locked");
  const longest = Math.max(...requests.map((one) => (one.kind === "write" ? one.bytes.length : 0)));
  assert.equal(longest, 112);
});

test("a device that says that it is another, or of another epoch, is not believed", async () => {
  const changed =
    (more: object): Line =>
    (_, answer) =>
      answer.kind === "commit" ? { ...answer, device: { ...answer.device, ...more } } : answer;
  await failed(changed({ id: "dm-8" }), byPskPlan, "not-as-told");
  await failed(changed({ epoch: 4 }), byPskPlan, "not-as-told");
});

test("a device that counts other bytes than were sent is not understood", () =>
  failed(
    (_, answer) => (answer.kind === "write" ? { ...answer, received: answer.received - 1 } : answer),
    byPskPlan,
    "not-understood",
  ));

for (const key of ["secret", "psk", "tls-key", "sign-key"] as const)
  test(`a proof of ${key} with one bit, or its nonce, changed is none`, async () => {
    const plan = key === "psk" || key === "secret" ? byPskPlan : certifiedPlan;
    for (const field of ["proof", "nonce"] as const)
      await failed(
        (request, answer) => {
          if (request.kind !== "prove" || request.key !== key || answer.kind !== "prove") return answer;
          const bytes = answer[field].slice();
          bytes[7]! ^= 1;
          return { ...answer, [field]: bytes };
        },
        plan,
        "proof-failed",
      );
  });

test("what the device refuses ends it, by the device's own word", () =>
  failed(
    (request, answer) =>
      request.kind === "begin" ? { kind: "error", error: "storage-failed", detail: "" } : answer,
    byPskPlan,
    "storage-failed",
  ));
