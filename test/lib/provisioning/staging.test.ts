import type { EntryName, Request } from "../../../lib/provisioning/messages.js";
import { equal, test } from "../../device/harness.js";
import { Bench, granted, pskPlan, refused, secret, stage, textBytes, writes } from "./bench.js";
import { MemoryStore } from "./memory-store.js";

type Crypto = ConstructorParameters<typeof Bench>[0];

function begun(crypto: Crypto, store = new MemoryStore()): Bench {
  const bench = new Bench(crypto, {}, store);
  granted(bench.ask({ kind: "begin", keepWifi: false }), "begin");
  return bench;
}

function part(offset: number, bytes: Uint8Array, total = 10, entry: EntryName = "ca"): Request {
  return { kind: "write", entry, total, offset, bytes };
}
const four = Uint8Array.of(1, 2, 3, 4);

test("an entry goes to flash as a whole, whatever its parts", ({ crypto }) => {
  const bytes = Uint8Array.from({ length: 900 }, (_, i) => i);
  for (const partBytes of [448, 100, 1]) {
    const bench = begun(crypto);
    const parts = writes("ca", partBytes === 1 ? bytes.subarray(0, 20) : bytes, partBytes);
    parts.forEach((request, i) => {
      equal(bench.store.entries.has("ca"), false, `before part ${i}`);
      const { offset, bytes: own } = request as Extract<Request, { kind: "write" }>;
      equal(granted(bench.ask(request), "write").received, offset + own.length);
    });
    equal(bench.store.readBytes("ca"), partBytes === 1 ? bytes.slice(0, 20) : bytes);
  }
});

test("each part begins where the one before has ended, of the same entry and size", ({ crypto }) => {
  const wrong: [what: string, Request, error: string][] = [
    ["a gap", part(5, four), "wrong-order"],
    ["an overlap", part(3, four), "wrong-order"],
    ["another size", part(4, four, 11), "wrong-order"],
    ["another entry", part(4, four, 10, "crl"), "wrong-order"],
    ["beyond the end", part(4, new Uint8Array(7)), "too-long"],
    ["nothing", part(4, new Uint8Array(0)), "bad-value"],
  ];
  for (const [what, request, error] of wrong) {
    const bench = begun(crypto);
    equal(refused(bench.ask(part(4, four))), "wrong-order", "nothing is begun");
    granted(bench.ask(part(0, four)), "write");
    equal(refused(bench.ask(request)), error, what);
    equal(bench.store.entries.has("ca"), false);
    // nothing is lost by it
    granted(bench.ask(part(4, four)), "write");
    granted(bench.ask(part(8, four.slice(0, 2))), "write");
    equal(bench.store.readBytes("ca"), Uint8Array.of(1, 2, 3, 4, 1, 2, 3, 4, 1, 2));
    equal(refused(bench.ask(part(10, four))), "wrong-order", "it is complete");
  }
});

test("an entry can be begun anew, and one at a time is open", ({ crypto }) => {
  const bench = begun(crypto);
  granted(bench.ask(part(0, four)), "write");
  granted(bench.ask(part(0, four, 8)), "write");
  granted(bench.ask(part(0, four, 10, "crl")), "write");
  equal(refused(bench.ask(part(4, four, 8))), "wrong-order", "the other one has taken its place");
  granted(bench.ask(part(0, four, 4)), "write");
  equal(refused(bench.ask(part(4, four, 10, "crl"))), "wrong-order");
  equal([...bench.store.entries.keys()], ["ca"]);
});

const bounds: [EntryName, least: number, most: number][] = [
  ["profile", 1, 3999],
  ["secret", 32, 32],
  ["wifi-password", 1, 64],
  ["broker-password", 1, 4096],
  ["jwt-key", 1, 4096],
  ["ca", 1, 4096],
  ["crl", 1, 4096],
  ["tls-cert", 1, 4096],
  ["tls-key", 1, 4096],
  ["tls-psk", 16, 64],
  ["sign-key", 1, 4096],
];

test("no entry is longer than it may be, and none is empty", ({ crypto }) => {
  const bench = begun(crypto);
  for (const [entry, least, most] of bounds) {
    for (const total of [most + 1, 65_536, 0xffff_ffff])
      equal(refused(bench.ask(part(0, four, total, entry))), "too-long", entry);
    equal(refused(bench.ask(part(0, four, least - 1, entry))), "bad-value", entry);
    for (const total of [least, most]) {
      const bytes = new Uint8Array(total).fill(0x41);
      for (const request of writes(entry, bytes)) granted(bench.ask(request), "write");
      const stored = bench.store.entries.get(entry);
      equal(typeof stored === "string" ? textBytes(stored) : stored, entry === "secret" ? undefined : bytes);
      bench.store.delete(entry);
    }
  }
});

test("a profile that a board could not parse does not get into flash; any other text may have brackets", ({
  crypto,
}) => {
  const bench = begun(crypto);
  const written = (entry: EntryName, text: string) => bench.ask(part(0, textBytes(text), text.length, entry));
  for (const text of ["[".repeat(7), `[${"1,".repeat(160)}1]`]) {
    equal(refused(written("profile", text)), "bad-value");
    equal(bench.store.entries.has("profile"), false);
  }
  granted(written("profile", "[".repeat(6)), "write");
  granted(written("wifi-password", "[".repeat(20)), "write");
});

test("text is UTF-8 without a zero", ({ crypto }) => {
  const bench = begun(crypto);
  const written = (entry: EntryName, ...bytes: number[]) =>
    bench.ask(part(0, Uint8Array.from(bytes), bytes.length, entry));
  granted(written("wifi-password", 0x61, 0xc3, 0xbc), "write");
  equal(bench.store.readText("wifi-password"), "aü");
  equal(refused(written("wifi-password", 0x61, 0xc3)), "bad-value");
  equal(refused(written("wifi-password", 0x61, 0, 0x62)), "bad-value");
  equal(refused(written("profile", 0x7b, 0, 0x7d)), "bad-value");
  equal(bench.store.readText("wifi-password"), "aü");
  granted(written("broker-password", 0xff, 0, 0xc3), "write");
});

test("a secret of zeros is none, and a new one takes the place of the one before from its first byte on", ({
  crypto,
}) => {
  const bench = new Bench(crypto);
  stage(bench.ask, pskPlan);
  granted(bench.ask(part(0, secret.slice(0, 16), 32, "secret")), "write");
  equal(refused(bench.ask({ kind: "commit", epoch: 1 })), "incomplete");
  equal(refused(bench.ask(part(16, secret.slice(16), 32, "secret"))), "wrong-order", "it was dropped");
  equal(refused(bench.ask(part(0, new Uint8Array(32), 32, "secret"))), "bad-value");
  equal(refused(bench.ask({ kind: "commit", epoch: 1 })), "incomplete");
  granted(bench.ask(part(0, secret, 32, "secret")), "write");
  granted(bench.ask({ kind: "commit", epoch: 1 }), "commit");
});

test("flash that does not keep an entry, or keeps it wrong, is told of", ({ name, crypto }) => {
  for (const fault of ["deaf", "torn"] as const)
    for (const [entry] of bounds) {
      if (entry === "secret") continue;
      const store = new MemoryStore();
      store[fault] = [entry];
      const bench = begun(crypto, store);
      const bytes = new Uint8Array(20).fill(0x41);
      equal(refused(bench.ask(part(0, bytes, 20, entry))), "storage-failed", entry);
      if (name !== "noble" && (entry === "tls-key" || entry === "sign-key"))
        equal(refused(bench.ask({ kind: "generate", key: entry, subject: "d" })), "storage-failed", entry);
    }
});
