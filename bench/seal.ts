/** What a protected message costs: bytes on the wire, machine instructions, and the heap's slots and chunks. */
import { nodeCrypto } from "../backend/node-crypto.js";
import { engineBits } from "../host-sim/engine-file.js";
import { prepare, type WorkName, type WorkOptions } from "../test/device/seal-work.js";
import type { Benchmark, Row } from "./benchmark.js";
import { stampBudget } from "./budgets.js";
import { type Cost, canCount, type Provider, sealCosts, type Task } from "./seal-cost.js";

/** A message of a few readings, by a device that has sent some tens of thousands. */
export const usual: WorkOptions = { payloadBytes: 100, counter: 70_000 };

/** By their names in profiles. */
export const protections: readonly (readonly [protection: string, algorithm: string, work: WorkName])[] = [
  ["stamp", "hmac-256", "stamp 5"],
  ["stamp", "hmac-256-64", "stamp 4"],
  ["seal", "chacha20-poly1305", "seal 24"],
  ["seal", "a128gcm", "seal 1"],
  ["seal", "a256gcm", "seal 3"],
  ["seal", "aes-ccm-16-64-128", "seal 10"],
  ["sign", "", "sign"],
  ["sealTo", "", "sealTo"],
  ["sealTo", "signed", "sealTo signed"],
];

/** How much longer than its payload a message is. */
export function bytesAdded(work: WorkName, options: WorkOptions): number {
  const { protect, close } = prepare(nodeCrypto, work, options);
  try {
    return protect().length - options.payloadBytes;
  } finally {
    close();
  }
}

/** noble has no P-256. */
export function providersOf(work: WorkName): readonly Provider[] {
  return work.startsWith("sign") || work.startsWith("sealTo") ? ["native"] : ["native", "noble"];
}

export const seal: Benchmark = {
  about: "bytes, instructions and heap of each protection, native and noble side by side",
  async run() {
    const bits = await engineBits();
    const count = canCount();
    const tasks = protections.flatMap(([, , name]) =>
      providersOf(name).flatMap((provider) =>
        (["protect", "open"] as const).map((verb): Task => ({ provider, name, verb })),
      ),
    );
    const costs = await sealCosts(tasks, usual, { count });
    const rows = protections.map(([protection, algorithm, name]): Row => {
      const of = (provider: Provider, verb: Task["verb"]) =>
        costs.find((cost) => cost.provider === provider && cost.name === name && cost.verb === verb);
      return {
        protection,
        algorithm,
        "bytes added": bytesAdded(name, usual),
        "short kid": bytesAdded(name, { ...usual, kid: "a1b2" }),
        ...cells("protect", of("native", "protect"), of("noble", "protect")),
        ...cells("open", of("native", "open"), of("noble", "open")),
      };
    });
    return {
      title: `A message of ${usual.payloadBytes} bytes: native / noble (${bits}-bit engine)`,
      rows,
      notes: [
        count
          ? "instructions: thousands of this machine's, by callgrind, without what collecting the garbage takes"
          : "no instructions: valgrind is not installed (Debian: apt-get install valgrind)",
        "slots, chunks: bytes of the XS heap taken for one message; noble has no P-256",
        `budget: a stamp takes noble at least ${stampBudget().nobleOverNative} times the instructions`,
      ],
    };
  },
};

function cells(verb: string, native: Cost | undefined, noble: Cost | undefined): Row {
  const both = (value: (cost: Cost) => number | undefined) =>
    [native, noble].map((cost) => (cost && value(cost)) ?? "–").join(" / ");
  return {
    [`${verb}: instructions`]: both(({ instructions }) => instructions && Math.round(instructions / 1000)),
    [`${verb}: slots`]: both(({ slotBytes }) => slotBytes),
    [`${verb}: chunks`]: both(({ chunkBytes }) => chunkBytes),
  };
}
