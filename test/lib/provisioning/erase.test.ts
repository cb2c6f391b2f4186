import { eraseAll } from "../../../lib/provisioning/erase.js";
import { openDeviceRecord } from "../../../lib/store/device-record.js";
import { flashKeys } from "../../../lib/store/flash-entries.js";
import { equal, ok, test } from "../../device/harness.js";
import { Bench, granted, provision, pskPlan } from "./bench.js";
import { MemoryStore } from "./memory-store.js";

const wifi = ["wifi-ssid", "wifi-password"];

/** All that a board can have in flash after a long life; a record that is none, unless it is given. */
function longLife(record: Uint8Array = Uint8Array.of(1)): MemoryStore {
  const keys = [...Object.values(flashKeys), "window-0", "window-3", "spill-0", "spill-63"];
  const store = new MemoryStore();
  // in another order than any that matters
  for (const key of keys.sort().reverse())
    if (key !== "former-ids")
      store.write(key, key === "profile" || wifi.includes(key) ? "text" : Uint8Array.of(1));
  store.write("record", record);
  store.log.length = 0;
  return store;
}

function committedRecord(crypto: ConstructorParameters<typeof Bench>[0]): Uint8Array {
  const bench = new Bench(crypto);
  provision(bench.ask, pskPlan);
  return bench.store.readBytes("record")!;
}

test("the record goes first, then the profile, then keys and passwords, then the rest", ({ crypto }) => {
  const store = longLife(committedRecord(crypto));
  ok(eraseAll(crypto, store, false), "all is gone");
  equal(store.log.slice(0, 8), [
    "former-ids",
    "-record",
    "-profile",
    "-tls-key",
    "-sign-key",
    "-tls-psk",
    "-jwt-key",
    "-broker-password",
  ]);
  equal(store.keys().sort(), ["former-ids"]);
});

test("the network that Improv has set stays when it is to", ({ crypto }) => {
  const store = longLife();
  ok(eraseAll(crypto, store, true), "all else is gone");
  equal(store.keys().sort(), [...wifi].sort());
  const half = longLife();
  half.delete("wifi-ssid");
  ok(eraseAll(crypto, half, true), "all is gone");
  equal(half.keys(), [], "a password whose network nobody knows");
});

test("wherever the power fails the board is whole or unprovisioned, and erasing again ends it", ({
  crypto,
}) => {
  const record = committedRecord(crypto);
  const changes = longLife(record);
  eraseAll(crypto, changes, false);
  for (let left = 0; left < changes.log.length; left++) {
    const store = longLife(record);
    store.changesLeft = left;
    equal(eraseAll(crypto, store, false), false);
    const opened = openDeviceRecord(crypto, store.readBytes("record"));
    opened?.secret.close();
    equal(opened !== undefined, left < 2, `after ${left} changes`);
    if (opened) equal(store.readText("profile"), "text");
    store.changesLeft = Number.POSITIVE_INFINITY;
    equal(eraseAll(crypto, store, false), true);
    equal(store.keys().sort(), ["former-ids"]);
  }
});

test("an entry that flash does not forget is noticed, and the others go all the same", ({ crypto }) => {
  for (const key of ["record", "tls-key", "spill-0", "wifi-password"]) {
    const store = longLife();
    store.deaf = [key];
    equal(eraseAll(crypto, store, false), false, key);
    equal(store.keys().sort(), [key]);
  }
  const store = longLife(committedRecord(crypto));
  store.deaf = ["former-ids"];
  equal(eraseAll(crypto, store, false), true, "what it was matters less");
});

test("begin and erase of a session erase alike", ({ crypto }) => {
  for (const keepWifi of [true, false]) {
    const bench = new Bench(crypto, {}, longLife());
    granted(bench.ask({ kind: "begin", keepWifi }), "begin");
    equal(bench.store.keys().sort(), keepWifi ? [...wifi].sort() : []);
  }
  const bench = new Bench(crypto, {}, longLife());
  granted(bench.ask({ kind: "erase" }), "erase");
  equal(bench.store.keys(), []);
});
