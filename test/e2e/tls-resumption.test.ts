/** The TLS session that survives deep sleep: how often it serves, what ends it, and what damage to it costs. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Disturbance, Memories } from "../../host-sim/disturbance.js";
import type { Summary } from "../../host-sim/report/events.js";
import type { Profile, TlsSettings } from "../../lib/store/profile.js";
import { dormouse } from "../cli/command.js";
import { extension, extensionsOf } from "./client-hello.js";
import { Gate } from "./gate.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { type Section, sectionBytes, tlsSection, withTlsSection } from "./rtc-image.js";
import { only } from "./run.js";
import { OpensslFront } from "./tls-front.js";
import { TlsMosquitto } from "./tls-mosquitto.js";
import { type Identity, Pki, type TlsRun, tlsRun } from "./tls-scene.js";

const skip = mosquittoMissing() ?? false;

describe("the hit rate", () => {
  test("stands in the summary of --json", async () => {
    const { stdout } = await dormouse(["sim", "--json", "--cycles", "6"]);
    const summary = JSON.parse(stdout.trim().split("\n").at(-1)!) as Summary;
    assert.deepEqual([summary.handshakes, summary.resumed], [6, 5]);
  });

  test("stands in the terminal's table, and not where there is no TLS", async () => {
    const { stdout } = await dormouse(["sim", "--cycles", "6"]);
    assert.match(stdout, /^ {2}TLS resumed +5 of 6$/m);
  });
});

describe("a session", { skip }, () => {
  let pki: Pki;
  let nobody: Identity;
  let broker: TlsMosquitto<"none" | "certificate">;
  before(async () => {
    pki = await Pki.create();
    nobody = await pki.identity("none");
    broker = new TlsMosquitto({ none: pki, certificate: pki.asking });
    await broker.start();
  });
  after(async () => {
    await broker.stop();
    pki.remove();
  });

  const go = (cycles: number, disturbance: Disturbance = {}, more: Partial<TlsRun> = {}) =>
    tlsRun({
      cycles,
      port: broker.ports.none,
      openPort: broker.openPort,
      identity: nobody,
      ca: pki.root,
      disturbance: { listenerPort: broker.openPort, listenerTls: null, ...disturbance },
      ...more,
    });

  test("is refused by a broker with new ticket keys: full in the same wake, no reading lost", async () => {
    const { errors, handshakes, summary } = await go(5, {
      asleep: async (wake) => {
        if (wake === 2) await broker.restart();
        return undefined;
      },
    });
    assert.deepEqual(errors, []);
    assert.deepEqual(handshakes, ["1 full", "2 resumed", "3 full", "4 resumed", "5 resumed"]);
    assert.deepEqual([summary.published, summary.verified, summary.rejected], [5, 5, 0]);
  });

  test("is gone with the power, and stays through other resets", async () => {
    const causes = ["power-on", "deep-sleep", "power-on", "deep-sleep", "brown-out", "software"] as const;
    const { errors, handshakes, summary } = await go(causes.length, { cause: (wake) => causes[wake - 1]! });
    assert.deepEqual(errors, []);
    assert.deepEqual(handshakes, ["1 full", "2 resumed", "3 full", "4 resumed", "5 resumed", "6 resumed"]);
    assert.equal(summary.verified, causes.length);
  });

  test("older than 24 hours is not used, however often it was renewed", async () => {
    const wakes = 40;
    const { errors, events, handshakes, summary } = await go(wakes, {}, { interval: "45m" });
    assert.deepEqual(errors, []);
    assert.equal(summary.verified, wakes);
    const wokeAt = only(events, "wake").map(({ at }) => at);
    const fullAt = handshakes.flatMap((handshake, i) => (handshake.endsWith("full") ? [wokeAt[i]!] : []));
    assert.equal(fullAt.length, 2, handshakes.join(", "));
    const hours = (fullAt[1]! - fullAt[0]!) / 3_600_000;
    assert.ok(hours >= 24 && hours <= 24.8, `${hours} hours between full handshakes`);
  });

  test("older than the profile allows is not used", async () => {
    const tls = { resumption: { maxAgeSeconds: 2000, ticketWaitSeconds: 0.2 } };
    const { errors, handshakes } = await go(7, {}, { tls });
    assert.deepEqual(errors, []);
    assert.deepEqual(
      handshakes.map((handshake) => handshake.slice(2)),
      ["full", "resumed", "resumed", "full", "resumed", "resumed", "full"],
    );
  });

  test("that sleeps longer than the broker's tickets live is not offered", async () => {
    // OpenSSL's tickets live for two hours.
    for (const [interval, how] of [
      ["110m", "resumed"],
      ["130m", "full"],
    ] as const) {
      const { errors, handshakes, summary } = await go(3, {}, { interval });
      assert.deepEqual(errors, []);
      assert.deepEqual(handshakes, ["1 full", `2 ${how}`, `3 ${how}`]);
      assert.equal(summary.verified, 3);
    }
  });

  test("is neither asked for, nor offered, nor kept when the profile says so", async () => {
    const gate = new Gate(broker.ports.none);
    const port = await gate.start();
    const kept: boolean[] = [];
    const asleep = (_: number, { rtc }: Memories) => {
      kept.push(tlsSection(rtc) !== undefined);
      return undefined;
    };
    try {
      const off = await go(3, { asleep }, { port, tls: { resumption: false } });
      assert.deepEqual(off.errors, []);
      assert.deepEqual(off.handshakes, ["1 full", "2 full", "3 full"]);
      assert.deepEqual(kept.splice(0), [false, false, false]);
      for (const hello of gate.hellos.splice(0)) {
        const extensions = extensionsOf(hello);
        for (const asking of [extension.sessionTicket, extension.pskKeyExchangeModes, extension.preSharedKey])
          assert.ok(!extensions.includes(asking), `extension ${asking}`);
      }
      // The same, one setting apart.
      const on = await go(3, { asleep }, { port });
      assert.deepEqual(on.handshakes, ["1 full", "2 resumed", "3 resumed"]);
      assert.deepEqual(kept, [true, true, true]);
      const [first, ...later] = gate.hellos.map(extensionsOf);
      assert.ok(first!.includes(extension.pskKeyExchangeModes) && !first!.includes(extension.preSharedKey));
      assert.ok(
        later.length === 2 && later.every((extensions) => extensions.includes(extension.preSharedKey)),
      );
    } finally {
      await gate.stop();
    }
  });

  test("that the broker never gives delays the sleep by no more than the profile allows", async () => {
    for (const [ticketWaitSeconds, tickets, fromMs, toMs] of [
      [0.4, "0", 400, 600],
      [0, "0", 0, 100],
      // longer than closing may take otherwise
      [3, "0", 3000, 3300],
      [5, "2", 0, 100],
    ] as const) {
      const front = new OpensslFront(broker.openPort);
      const port = await front.start(pki.folder, pki, ["-tls1_3", "-num_tickets", tickets]);
      try {
        const tls = { resumption: { maxAgeSeconds: 86_400, ticketWaitSeconds } };
        const { errors, events, handshakes, summary } = await go(2, {}, { port, tls });
        assert.deepEqual(errors, []);
        assert.deepEqual(handshakes, ["1 full", tickets === "0" ? "2 full" : "2 resumed"]);
        assert.equal(summary.verified, 2);
        for (const { name, ms } of only(events, "phase"))
          if (name === "close") assert.ok(ms >= fromMs && ms < toMs, `closing took ${ms} ms`);
        // DISCONNECT and close_notify, padded to one length; before them came the message, which is longer.
        for (const at of [-74, -37])
          assert.equal(front.wire.subarray(at).toString("hex", 0, 5), "1703030020", `${tickets} tickets`);
      } finally {
        await front.stop();
      }
    }
  });

  describe("and what changes it", () => {
    /** Runs wakes in pairs: one that resumes, and one after a change; tells how the latter went. */
    async function after(changes: readonly ((kept: Memories) => Partial<Memories>)[]) {
      const asleep = (wake: number, kept: Memories) =>
        wake % 2 === 0 ? changes[wake / 2 - 1]!(kept) : undefined;
      const result = await go(2 * changes.length + 1, { asleep });
      const how = changes.map((_, i) => {
        const [before, ...then] = result.handshakes.filter((one) =>
          [2 * i + 2, 2 * i + 3].includes(Number.parseInt(one, 10)),
        );
        assert.equal(before, `${2 * i + 2} resumed`);
        return then.map((one) => one.split(" ")[1]).join(", ");
      });
      return { ...result, how };
    }

    test("damage: a cold start, never a crash, and the next wake resumes again", async () => {
      const flip = (at: (section: Section) => number) => (kept: Memories) => {
        const rtc = kept.rtc.slice();
        rtc[at(tlsSection(rtc)!)]! ^= 0x10;
        return { rtc };
      };
      const changes = [
        flip(() => 0),
        flip(() => 7),
        flip(() => 13),
        flip(({ at }) => at - 1),
        flip(({ at }) => at),
        flip(({ at, length }) => at + (length >> 1)),
        flip(({ at, length }) => at + length - 1),
        ({ rtc }: Memories) => ({ rtc: rtc.map(() => 0xff) }),
        ({ rtc }: Memories) => ({ rtc: new Uint8Array(rtc.length) }),
      ];
      const { errors, how, events, summary } = await after(changes);
      assert.deepEqual(errors, []);
      assert.deepEqual(
        how,
        changes.map(() => "full"),
      );
      assert.deepEqual([summary.verified, summary.rejected], [2 * changes.length + 1, 0]);
      const counters = only(events, "received").map(({ counter }) => counter);
      assert.deepEqual(
        counters.slice(0, 5),
        [0, 1, 1024, 1025, 2048],
        "cold starts, each beyond the reservation",
      );
    });

    test("forgery, with the right checksum: a full handshake, and everything else in RTC memory serves on", async () => {
      const forge = (edit: (section: Uint8Array) => Uint8Array) => (kept: Memories) => ({
        rtc: withTlsSection(kept.rtc, edit),
      });
      const flip = (at: number) =>
        forge((section) => {
          const copy = section.slice();
          copy[at < 0 ? copy.length + at : at]! ^= 1;
          return copy;
        });
      const changes = [
        flip(0), // version
        flip(1), // time of the last full handshake
        flip(4),
        flip(5), // nonce
        flip(16),
        flip(17), // ciphertext
        flip(40),
        flip(-17),
        flip(-16), // tag
        flip(-1),
        forge((section) => section.slice(0, -1)),
        forge((section) => section.slice(0, 34)),
        forge((section) => section.slice(0, 33)),
        forge((section) => section.slice(0, 2)),
        forge((section) => Uint8Array.from([...section, 0])),
        forge(() => new Uint8Array(3000).fill(1)),
      ];
      const { errors, how, events } = await after(changes);
      assert.deepEqual(errors, []);
      assert.deepEqual(
        how,
        changes.map(() => "full"),
      );
      const counters = only(events, "received").map(({ counter }) => counter);
      assert.deepEqual(
        counters,
        counters.map((_, i) => i),
        "no cold start",
      );
    });

    test("no change, written back: resumed", async () => {
      const { how } = await after([
        ({ rtc }) => ({ rtc: withTlsSection(rtc, (section) => section.slice()) }),
        ({ flash }) => ({ flash: [...flash] }),
        (kept) => ({ flash: provision(kept.flash, (tls) => tls) }),
      ]);
      assert.deepEqual(how, ["resumed", "resumed", "resumed"]);
    });

    test("another device's session, or all of its RTC memory: a full handshake", async () => {
      let foreign = new Uint8Array(0);
      await go(1, {
        asleep: (_, { rtc }) => {
          foreign = rtc.slice();
          return undefined;
        },
      });
      const { errors, how, events } = await after([
        ({ rtc }) => ({ rtc: withTlsSection(rtc, () => sectionBytes(foreign)) }),
        () => ({ rtc: foreign }),
      ]);
      assert.deepEqual(errors, []);
      assert.deepEqual(how, ["full", "full"]);
      const counters = only(events, "received").map(({ counter, verdict }) => [counter, verdict]);
      assert.deepEqual(
        counters,
        [0, 1, 2, 3, 1024].map((counter) => [counter, "fresh"]),
        "another's memory is a cold start",
      );
    });

    test("other trust in flash, however right it is: a full handshake", async () => {
      const pins = [pki.pin(pki), `sha256/${Buffer.alloc(32, 7).toString("base64")}`];
      const other = await pki.identity("P-256");
      const changes: ((kept: Memories) => Partial<Memories>)[] = [
        ({ flash }) => ({ flash: provision(flash, (tls) => ({ ...tls, pins })) }),
        ({ flash }) => ({ flash: provision(flash, (tls) => ({ ...tls, pins: [...pins].reverse() })) }),
        ({ flash }) => ({ flash: entry(flash, "ca", pki.issuing.der) }),
        ({ flash }) => ({ flash: entry(flash, "crl", pki.crl(null)) }),
        ({ flash }) => ({ flash: provision(flash, (tls) => ({ ...tls, minVersion: "1.3" })) }),
        ({ flash }) => ({
          flash: entry(
            entry(
              provision(flash, (tls) => ({ ...tls, identity: "certificate" })),
              "tls-cert",
              other.credentials.certificate!,
            ),
            "tls-key",
            other.credentials.key!,
          ),
        }),
        ({ flash }) => ({ flash: provision(flash, (tls) => tls, "127.0.0.1") }),
      ];
      const { errors, how } = await after(changes);
      assert.deepEqual(errors, []);
      assert.deepEqual(
        how,
        changes.map(() => "full"),
      );
    });

    test("pins that the broker does not meet: it is refused, whatever session there was", async () => {
      const pins = [1, 2].map((byte) => `sha256/${Buffer.alloc(32, byte).toString("base64")}`);
      const { errors, how } = await after([
        ({ flash }) => ({ flash: provision(flash, (tls) => ({ ...tls, pins })) }),
      ]);
      assert.deepEqual(errors, ["3 tls-pin-mismatch"]);
      assert.deepEqual(how, [""]);
    });
  });

  test("makes way for readings on an ESP8266, and comes back when they are delivered", async () => {
    const kept: number[] = [];
    let wake = 0;
    const { errors, events, handshakes, summary } = await go(
      8,
      {
        network: (quiet) => (wake > 2 && wake < 6 ? { ...quiet, accessPoints: [] } : quiet),
        asleep: (_, { rtc }) => void kept.push(tlsSection(rtc)?.length ?? 0),
      },
      {
        board: "esp8266",
        onEvent: (event) => {
          wake = event.wake;
        },
      },
    );
    assert.deepEqual(errors, ["3 network-unavailable", "4 network-unavailable", "5 network-unavailable"]);
    const readings = only(events, "received").flatMap(({ reading }) => reading ?? []).length / 2;
    assert.deepEqual([readings, summary.rejected], [8, 0], "none is dropped for a session");
    assert.deepEqual(handshakes, ["1 full", "2 resumed", "6 full", "7 resumed", "8 resumed"]);
    assert.deepEqual(
      kept.map((bytes) => bytes > 0),
      [true, true, false, false, false, true, true, true],
    );
  });

  test("is lighter than a full handshake", async () => {
    const bytes: number[][] = [];
    const { handshakes } = await go(3, {
      asleep: (_, __, { bytesUp, bytesDown }) => {
        bytes.push([bytesUp, bytesDown]);
        return undefined;
      },
    });
    assert.deepEqual(handshakes, ["1 full", "2 resumed", "3 resumed"]);
    const [full, , resumed] = bytes;
    assert.ok(resumed![1]! < full![1]! / 2, `${resumed} bytes after ${full}`);
  });
});

/** Flash with another entry of the device's. */
function entry(flash: Memories["flash"], key: string, value: Uint8Array): Memories["flash"] {
  const [{ domain }] = flash as [Memories["flash"][number]];
  return [...flash.filter((one) => one.key !== key), { domain, key, type: "buffer", value }];
}

/** Flash with other TLS settings in its profile. */
function provision(
  flash: Memories["flash"],
  edit: (tls: TlsSettings) => TlsSettings,
  host?: string,
): Memories["flash"] {
  return flash.map((one) => {
    if (one.key !== "profile") return one;
    const profile = JSON.parse(one.value as string) as Profile;
    const { broker } = profile;
    assert.ok(broker.tls);
    const changed = { ...broker, ...(host && { host }), tls: edit(broker.tls) };
    return { ...one, value: JSON.stringify({ ...profile, broker: changed }) };
  });
}
