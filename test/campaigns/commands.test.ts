/** Commands under random power cuts, and under damage that reaches their decoders: what verified may still be nonsense. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeCommand, decodeResult, encodeCommand, encodeResult } from "../../lib/commands/command.js";
import { commandWindowSize, decodeWindowRecord, encodeWindowRecord } from "../../lib/commands/windows.js";
import { crc32 } from "../../lib/crc32.js";
import { emptyWindow } from "../../lib/sealed/window.js";
import { runs, seed } from "../campaign.js";
import { CrashingCommands } from "../lib/commands/crashing-commands.js";
import { seededRandom } from "../lib/store/crashing-device.js";
import { nodeCrypto } from "../node-crypto.js";

test(`no command is acted on twice, seed ${seed}`, (context) => {
  let acts = 0;
  let blocked = 0;
  const devices = runs(50_000);
  for (let i = 0; i < devices; i++) {
    const world = new CrashingCommands(nodeCrypto, seededRandom(seed * 1_000_003 + i), "none");
    world.live(12, i % 2 === 0);
    assert.equal(world.twice, 0, `DORMOUSE_SEED=${seed}, device ${i}`);
    acts += world.acts.size;
    if (world.blocked) blocked++;
  }
  context.diagnostic(`${devices} devices, ${acts} acts, ${blocked} blocked, seed ${seed}`);
});

/** A window of an earlier epoch is empty, whatever it says: here there is none. */
const sender = { id: "office", epoch: 0 };
const challenge = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const times = { issuedAt: 1_800_000_000, expiresAt: 1_800_003_600 };

const codecs: { name: string; samples: Uint8Array[]; again: (data: Uint8Array) => Uint8Array | undefined }[] =
  [
    {
      name: "command",
      samples: [
        encodeCommand({ name: "led", args: [true], ...times, challenge: null }),
        encodeCommand({ name: "fan.set", args: [3, -1, 0.5, "low", 1e300], ...times, challenge }),
      ],
      again: (data) => {
        const command = decodeCommand(data);
        return command && encodeCommand(command);
      },
    },
    {
      name: "result",
      samples: [
        encodeResult({ controller: "office", counter: 300, status: "done", value: 21.5, challenge }),
        encodeResult({ controller: "x", counter: 0, status: "failed", value: challenge, challenge: null }),
      ],
      again: (data) => {
        const result = decodeResult(data);
        return result && encodeResult(result);
      },
    },
    {
      name: "window",
      samples: [encodeWindowRecord(sender, emptyWindow(commandWindowSize))],
      again: (data) => {
        if (data.length < 5) return undefined;
        // As damage would have it that the checksum does not see.
        const end = data.length - 4;
        new DataView(data.buffer, data.byteOffset).setUint32(end, crc32(data, 0, end));
        const window = decodeWindowRecord(sender, data);
        return window && encodeWindowRecord(sender, window);
      },
    },
  ];

for (const { name, samples, again } of codecs)
  test(`a damaged ${name} is none, or another one in its only form, seed ${seed}`, (context) => {
    const random = seededRandom(seed * 7 + name.length);
    const below = (limit: number) => Math.floor(random() * limit);
    const total = runs(1_000_000);
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    let read = 0;
    for (let i = 0; i < total; i++) {
      const sample = samples[below(samples.length)]!;
      let data = sample.slice();
      for (let more = 1 + below(3); more > 0; more--) {
        const at = below(data.length);
        const kind = below(4);
        if (kind === 0) data = data.slice(0, at);
        else if (kind === 1)
          data = Uint8Array.from([...data.subarray(0, at), below(256), ...data.subarray(at)]);
        else if (kind === 2) data[at] = below(256);
        else data[at]! ^= 1 << below(8);
        if (data.length === 0) break;
      }
      const written = again(data);
      if (!written) continue;
      read++;
      assert.deepEqual(written, data, `DORMOUSE_SEED=${seed}, ${name} ${i}`);
    }
    Error.stackTraceLimit = stackTraceLimit;
    context.diagnostic(`${total} damaged, ${read} of them read as another, seed ${seed}`);
    assert.ok(read > total / 100);
  });
