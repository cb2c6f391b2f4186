/** What one TLS connection takes of the heap, per kind of handshake, against openssl s_server on loopback. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { engineBits, engineFile } from "../host-sim/engine-file.js";
import { ConnectingDevice } from "../test/native/connecting-device.js";
import { type HandshakeName, Handshakes, handshakeNames } from "../test/native/handshakes.js";
import type { Benchmark, Row } from "./benchmark.js";
import { handshakeBudget } from "./budgets.js";

export interface HandshakeMemory {
  readonly name: HandshakeName;
  /** The most at one time from before the TLS configuration to after the close, bytes. */
  readonly peakBytes: number;
  /** Once data can flow. */
  readonly openBytes: number;
  /** The session sealed for RTC memory; 0: this kind has none. */
  readonly savedBytes: number;
}

export const tls: Benchmark = {
  about: "TLS heap of one connection and size of its saved session, per kind of handshake",
  async run() {
    const bits = await engineBits();
    const rows = (await handshakeMemory()).map(
      ({ name, peakBytes, openBytes, savedBytes }): Row => ({
        handshake: name,
        peak: peakBytes,
        budget: handshakeBudget(name, bits),
        open: openBytes,
        "saved session": savedBytes,
      }),
    );
    return { title: `TLS heap of one connection (bytes; ${bits}-bit engine)`, rows };
  },
};

/** Each kind in a boot of its own, resumption after the deep sleep that follows a full handshake. */
export async function handshakeMemory(): Promise<HandshakeMemory[]> {
  const scratch = mkdtempSync(join(tmpdir(), "dormouse-tls-memory-"));
  const handshakes = new Handshakes(scratch);
  try {
    const engine = await engineFile("release");
    const device = await ConnectingDevice.start({ engine, scratch, flash: handshakes.flash });
    const results: HandshakeMemory[] = [];
    for (const name of handshakeNames) results.push(await measure(device, handshakes, name));
    await device.stop();
    return results;
  } finally {
    await handshakes.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function measure(
  device: ConnectingDevice,
  handshakes: Handshakes,
  name: HandshakeName,
): Promise<HandshakeMemory> {
  const connection = await handshakes.connection(name);
  const resumes = handshakes.resumes(name);
  if (resumes) await device.boot("power-on", [connection]);
  let openBytes = 0;
  const { outcomes, end } = await device.boot(
    resumes ? "deep-sleep" : "power-on",
    [{ ...connection, pauses: ["open"] }],
    {
      async onPause() {
        openBytes = (await device.held()).tlsBytes;
      },
    },
  );
  const [outcome] = outcomes;
  assert.equal(outcome?.end, "open", `${name}: ${JSON.stringify(outcome)}`);
  assert.equal(outcome.version, connection.version);
  assert.equal(outcome.resumed, resumes, name);
  return { name, peakBytes: end.heap.tlsBytesPeak, openBytes, savedBytes: (outcome.saved ?? "").length / 2 };
}
