/**
 * The hostile broker matrix, the key: a certificate is public, and whoever shows the broker's without its key is
 * refused, by a device that trusts a CA and by one that pins that very key.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Bench, type Options } from "./broker-bench.js";
import { impostor } from "./impostor.js";
import { runOnDevice } from "./on-device.js";
import { newKey, pinOf, strangePin } from "./pki.js";
import { clientWentOn } from "./records.js";
import { relay } from "./relay.js";

const bench = new Bench();
const { honest, scratch } = bench;

before(() => bench.start());
after(() => bench.stop());

for (const version of ["1.3", "1.2"] as const)
  test(`TLS ${version}: the broker's certificate without the broker's key`, async () => {
    const key = `${scratch}/stolen-${version}.key`;
    newKey("ecdsa", key);
    const false_ = await relay((await bench.run(impostor({ ...honest, key }, version))).port);
    const true_ = await relay((await bench.run(impostor(honest, version))).port);
    const ways: readonly Partial<Options>[] = [{}, { ca: "", pins: [pinOf(honest), strangePin] }];
    const attempts = ways.flatMap((how) =>
      [false_, true_].map(({ port }) => bench.attempt(port, { ...how, handshakeTimeoutMs: 500 })),
    );
    const { outcomes, end } = await runOnDevice(bench.engine, scratch, attempts);
    await Promise.all([false_.stop(), true_.stop()]);
    for (const i of [0, 2]) {
      assert.equal(outcomes[i]?.failure?.kind, "tls-protocol", JSON.stringify(outcomes[i]));
      assert.equal(outcomes[i]?.secured, undefined);
    }
    for (const i of [1, 3])
      if (version === "1.3") assert.equal(outcomes[i]?.end, "open", JSON.stringify(outcomes[i]));
      else assert.equal(outcomes[i]?.failure?.kind, "tls-timeout", "it goes on, and waits for more");
    assert.equal(false_.overheard().some(clientWentOn), false, "more than an alert was sent");
    assert.equal(true_.overheard().every(clientWentOn), true);
    assert.equal(end.tlsBytesLeaked, 0);
  });
