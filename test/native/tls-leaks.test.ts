/** A thousand connections in one boot, well and badly ended: nothing is left of any, in C or in JavaScript. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { MemoryFault } from "../../host-sim/device.js";
import { engineFile } from "../../host-sim/engine-file.js";
import type { Connection, Outcome } from "../device/tls-connections.js";
import { ConnectingDevice } from "./connecting-device.js";
import { Handshakes } from "./handshakes.js";
import { cutAt, type Relay, relay } from "./relay.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-leaks-"));
let engine: string;
let handshakes: Handshakes;
let cut: Relay;

before(async () => {
  engine = await engineFile("release");
  handshakes = new Handshakes(scratch);
  const { port } = await handshakes.connection("1.3 ECDSA");
  // within the server's certificate
  cut = await relay(port, { tampers: [cutAt(500)] });
});
after(async () => {
  await cut.stop();
  await handshakes.stop();
  rmSync(scratch, { recursive: true, force: true });
});

interface Step {
  readonly connection: Connection;
  readonly fault?: MemoryFault;
  /** Whether it went as it should. */
  readonly check: (outcome: Outcome) => boolean;
}

const full = ({ end, resumed }: Outcome) => end === "open" && !resumed;
const resumed = ({ end, resumed }: Outcome) => end === "open" && resumed === true;
const failed =
  (wanted: string) =>
  ({ kind }: Outcome) =>
    kind === wanted;

async function round(): Promise<Step[]> {
  const psk = { identity: "dormouse-1", key: "psk-other" };
  const certified = await handshakes.connection("1.3 ECDSA");
  const older = await handshakes.connection("1.2 ECDHE-ECDSA");
  return [
    { connection: certified, check: full },
    { connection: certified, check: resumed },
    { connection: older, check: full },
    { connection: older, check: resumed },
    { connection: await handshakes.connection("1.3 PSK"), check: full },
    { connection: await handshakes.connection("1.2 ECDHE-PSK"), check: full },
    { connection: await handshakes.connection("1.3 client certificate"), check: full },
    { connection: { ...certified, ca: "ca-other" }, check: failed("tls-untrusted") },
    { connection: { ...certified, hostName: "example.org" }, check: failed("tls-name") },
    { connection: { ...(await handshakes.connection("1.3 PSK")), psk }, check: failed("tls-psk-refused") },
    { connection: { ...certified, port: cut.port }, check: failed("connection-lost") },
    { connection: certified, fault: "tls-heap 12000", check: failed("tls-memory") },
    { connection: certified, fault: "tls-heap 2000", check: ({ end }) => end === "threw" },
  ];
}

/** Kilobytes of the process that are in memory. */
function residentKb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

test("1,000 connections leave nothing behind: TLS heap, slots, chunks, memory of the process", async (context) => {
  const steps = await round();
  const count = Math.ceil((process.env.DORMOUSE_LONG ? 10_000 : 1000) / steps.length) * steps.length;
  const { flash } = handshakes;
  const device = await ConnectingDevice.start({ engine, scratch, flash, measure: true });
  try {
    const stepOf = (index: number) => steps[index % steps.length]!;
    const tls: number[] = [];
    const machine: (readonly [slots: number, chunks: number])[] = [];
    const resident: number[] = [];
    const { outcomes, end } = await device.boot(
      "power-on",
      Array.from({ length: count }, (_, index) => stepOf(index).connection),
      {
        beforeConnection: async (index) => {
          device.fault("none");
          const { tlsBytes, slotBytes, chunkBytes } = await device.held();
          tls.push(tlsBytes);
          if (index % steps.length === 0) {
            machine.push([slotBytes, chunkBytes]);
            resident.push(residentKb(device.pid));
          }
          const { fault } = stepOf(index);
          if (fault) device.fault(fault);
        },
      },
    );
    outcomes.forEach((outcome, index) => {
      assert.ok(stepOf(index).check(outcome), `${index}: ${JSON.stringify(outcome)}`);
    });
    assert.deepEqual(new Set(tls), new Set([tls[0]]), "TLS heap between connections");
    // the first round is when everything is there for the first time
    const [, [slots, chunks] = [0, 0]] = machine;
    for (const [index, held] of machine.slice(1).entries())
      assert.deepEqual(held, [slots, chunks], `slots and chunks after round ${index + 1}`);
    const grownKb = resident.at(-1)! - resident[1]!;
    assert.ok(grownKb <= 128, `the process grew by ${grownKb} KB`);
    assert.equal(end.tlsBytesLeaked, 0);
    context.diagnostic(
      `${count} connections; idle: ${tls[0]} bytes of TLS, ${slots} of slots, ${chunks} of chunks`,
    );
  } finally {
    await device.stop();
  }
});
