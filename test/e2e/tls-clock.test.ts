/** What time is it? Whole wakes of a device that is lied to, left alone, or told the truth about a broker's dates. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { builtAtSeconds } from "../../firmware/release.js";
import type { Disturbance, Memories } from "../../host-sim/disturbance.js";
import type { RunEvent } from "../../host-sim/report/events.js";
import type { World } from "../../host-sim/world/network.js";
import { decodeTimeFloor } from "../../lib/store/time-floor.js";
import { Gate } from "./gate.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { only } from "./run.js";
import { TlsMosquitto } from "./tls-mosquitto.js";
import { type Identity, Pki, type TlsRun, tlsRun } from "./tls-scene.js";

const skip = mosquittoMissing() ?? false;
const yearMs = 365 * 86_400_000;
const builtAtMs = builtAtSeconds * 1000;
const nowMs = Date.now();

/** A moment between the firmware's release (0) and now (1), in whole seconds as a certificate has them. */
function moment(part: number): Date {
  return new Date(1000 * Math.floor((builtAtMs + part * (nowMs - builtAtMs)) / 1000));
}

const since2025 = new Date("2025-01-01");
const until2044 = new Date("2044-12-31");

describe("time", { skip }, () => {
  let pki: Pki;
  let nobody: Identity;
  /** `old` ended before `young` began, which ended before `younger` did. */
  let broker: TlsMosquitto<"good" | "old" | "ended" | "young" | "younger" | "psk">;
  let gate: Gate;
  let port: number;
  before(async () => {
    pki = await Pki.create();
    nobody = await pki.identity("none");
    broker = new TlsMosquitto({
      good: pki,
      old: await pki.server(since2025, moment(0.2)),
      ended: await pki.server(since2025, moment(0.9)),
      young: await pki.server(moment(0.4), until2044),
      younger: await pki.server(moment(0.6), until2044),
      psk: pki.presharing,
    });
    await broker.start();
    gate = new Gate(broker.ports.good);
    port = await gate.start();
  });
  after(async () => {
    await gate.stop();
    await broker.stop();
    pki.remove();
  });
  beforeEach(() => {
    gate.target = broker.ports.good;
    gate.hellos.length = 0;
  });

  const go = (cycles: number, disturbance: Disturbance, more: Partial<TlsRun> = {}) =>
    tlsRun({
      cycles,
      // All of it must find its place between the release and now.
      interval: "2m",
      port,
      openPort: broker.openPort,
      identity: nobody,
      ca: pki.root,
      disturbance: { listenerPort: broker.openPort, listenerTls: null, ...disturbance },
      ...more,
    });

  /** Time servers that lie by so much in each wake, then tell the truth; null: they are silent. */
  function servers(
    ...lies: (number | null)[]
  ): Pick<TlsRun, "onEvent"> & { network: Disturbance["network"] } {
    let wake = 0;
    return {
      onEvent: (event) => {
        if (event.event === "wake") wake = event.wake;
      },
      network: (quiet: World) => {
        const lie = lies[wake - 1];
        return lie === null ? { ...quiet, timeServers: false } : { ...quiet, timeErrorMs: lie ?? 0 };
      },
    };
  }

  const lied = (cycles: number, lies: (number | null)[], more: Partial<TlsRun> = {}) => {
    const { network, onEvent } = servers(...lies);
    return go(cycles, { network }, { onEvent: onEvent!, ...more });
  };

  /** Every wake's reading arrived once, with the time at which it was taken. */
  function assertDated(events: readonly RunEvent[], withinSeconds = 3): void {
    const taken = only(events, "wake").map(({ at }) => Math.round(at / 1000));
    const told = only(events, "received")
      .flatMap(({ reading }) => reading ?? [])
      .filter(({ name }) => name.endsWith("temperature"))
      .map(({ time = 0 }) => time)
      .sort((a, b) => a - b);
    assert.equal(told.length, taken.length, "one reading of each wake");
    for (const [i, time] of told.entries())
      assert.ok(
        Math.abs(time - taken[i]!) <= withinSeconds,
        `reading ${i} is dated ${time - taken[i]!} s off`,
      );
  }

  const ahead = 60 * yearMs;
  /** The release, as told now. */
  const behind = builtAtMs - nowMs + 60_000;

  describe("is lied about", () => {
    const day = (date: Date) => date.toISOString().slice(0, 10);
    for (const [what, lie, listener, kind, date] of [
      ["far ahead", ahead, "good", "tls-expired", `until ${day(until2044)}`],
      ["behind", behind, "young", "tls-not-yet-valid", `from ${day(moment(0.4))}`],
    ] as const) {
      test(`${what}, once: the second wake is fine, and all readings are dated right`, async () => {
        gate.target = broker.ports[listener];
        const { errors, events, handshakes } = await lied(3, [lie]);
        assert.deepEqual(errors, ["1 clock-suspect"]);
        assert.deepEqual(handshakes, ["2 full", "3 resumed"]);
        assertDated(events);
        const { detail } = only(events, "error")[0]!;
        assert.ok(detail.includes(date) && detail.includes("time server"), detail);
      });

      test(`${what}, again and again: the certificate is blamed until the lie ends`, async () => {
        gate.target = broker.ports[listener];
        const { errors, events, handshakes } = await lied(5, [lie, lie, lie]);
        assert.deepEqual(errors, ["1 clock-suspect", `2 ${kind}`, `3 ${kind}`]);
        assert.deepEqual(handshakes, ["4 full", "5 resumed"]);
        assertDated(events);
      });
    }

    test("each time otherwise: it stays suspect", async () => {
      const { errors, events } = await lied(4, [ahead, ahead + yearMs, ahead - yearMs]);
      assert.deepEqual(errors, ["1 clock-suspect", "2 clock-suspect", "3 clock-suspect"]);
      assertDated(events);
    });

    test("by a time before the firmware was made: that is none, and the floor decides", async () => {
      const { errors, handshakes } = await lied(2, [-20 * yearMs]);
      assert.deepEqual(errors, ["1 clock-unknown"]);
      assert.deepEqual(handshakes, ["1 full", "2 resumed"]);
    });

    test("when it is asked for later: readings that waited keep their right times", async () => {
      const { network, onEvent } = servers(0, 0, 0, ahead);
      let wake = 0;
      const { errors, events } = await go(
        6,
        {
          network: (quiet) => (wake === 2 ? { ...quiet, accessPoints: [] } : network!(quiet)),
          asleep: (done) => {
            // In the third wake the broker's certificate makes the device doubt its clock, which was right.
            gate.target = done === 2 ? broker.ports.ended : broker.ports.good;
            return undefined;
          },
        },
        {
          tls: { resumption: false },
          onEvent: (event) => {
            onEvent!(event);
            if (event.event === "wake") wake = event.wake;
          },
        },
      );
      assert.deepEqual(errors, ["2 network-unavailable", "3 clock-suspect", "4 clock-suspect"]);
      assertDated(events);
    });
  });

  test("is right, and the certificate has expired: suspect once, then named, until the broker renews it", async () => {
    gate.target = broker.ports.ended;
    const { errors, events, handshakes } = await lied(5, [], {
      disturbance: {
        listenerPort: broker.openPort,
        listenerTls: null,
        asleep: (wake) => {
          if (wake === 3) gate.target = broker.ports.good;
          return undefined;
        },
      },
    });
    assert.deepEqual(errors, ["1 clock-suspect", "2 tls-expired", "3 tls-expired"]);
    assert.deepEqual(handshakes, ["4 full", "5 resumed"]);
    assertDated(events);
    const [, second] = only(events, "error");
    const until = moment(0.9).toISOString().slice(0, 10);
    assert.ok(second!.detail.includes(`until ${until}`), second!.detail);
  });

  describe("has a floor", () => {
    const floorOf = ({ flash }: Memories) =>
      decodeTimeFloor(flash.find(({ key }) => key === "time-floor")?.value as Uint8Array | undefined);
    const seconds = (date: Date) => date.getTime() / 1000;

    test("that rises with the broker's certificate, by one write a renewal, and outlives power loss", async () => {
      const floors: number[] = [];
      const writes: number[] = [];
      gate.target = broker.ports.young;
      const { errors, events, handshakes } = await go(6, {
        cause: (wake, usual) => (wake === 6 ? "power-on" : usual),
        asleep: (wake, kept, { flashWrites }) => {
          floors.push(floorOf(kept));
          writes.push(flashWrites);
          if (wake === 2) gate.target = broker.ports.younger;
          return undefined;
        },
      });
      assert.deepEqual(errors, []);
      assert.deepEqual(handshakes, ["1 full", "2 resumed", "3 full", "4 resumed", "5 resumed", "6 full"]);
      const [young, younger] = [seconds(moment(0.4)), seconds(moment(0.6))];
      assert.deepEqual(floors, [young, young, younger, younger, younger, younger]);
      // The others are the counter's reservation, at the first message after power-on; and at the second power-on what can
      // have been lost with RTC memory, for at the first nothing can.
      assert.deepEqual(writes, [2, 0, 1, 0, 0, 2]);
      assertDated(events);
    });

    test("that an older certificate does not lower", async () => {
      const floors: number[] = [];
      gate.target = broker.ports.younger;
      const { errors } = await go(3, {
        asleep: (wake, kept) => {
          floors.push(floorOf(kept));
          gate.target = wake === 1 ? broker.ports.young : broker.ports.good;
          return undefined;
        },
      });
      assert.deepEqual(errors, []);
      assert.deepEqual(floors, Array(3).fill(seconds(moment(0.6))));
    });

    describe("that is not moved", () => {
      test("by a certificate for which only its own pinned key vouches: the spare key still serves", async () => {
        const floors: number[] = [];
        const wrong = await pki.server(new Date(builtAtMs + 5 * yearMs), until2044);
        const spare = await pki.server(since2025, new Date(nowMs + yearMs));
        const pinned = new TlsMosquitto({ wrong, spare });
        await pinned.start();
        gate.target = pinned.ports.wrong;
        const { network, onEvent } = servers(null);
        try {
          const { errors, handshakes, summary } = await go(
            3,
            {
              listenerPort: pinned.openPort,
              network,
              asleep: (_, kept) => {
                floors.push(floorOf(kept));
                gate.target = pinned.ports.spare;
                return undefined;
              },
            },
            {
              openPort: pinned.openPort,
              ca: null,
              tls: { pins: [pki.pin(wrong), pki.pin(spare)] },
              onEvent: onEvent!,
            },
          );
          assert.deepEqual(errors, ["1 clock-unknown"]);
          assert.deepEqual(handshakes, ["1 full", "2 full", "3 resumed"]);
          assert.equal(summary.verified, 3);
          assert.deepEqual(floors, [0, 0, 0]);
        } finally {
          await pinned.stop();
        }
      });

      test("by a CA's certificate that begins more than ten years after the release, whatever the time is", async () => {
        const ten = builtAtMs + 10 * yearMs;
        const near = await pki.server(new Date(ten - 60_000), until2044);
        const far = await pki.server(new Date(ten), until2044);
        const ahead = new TlsMosquitto({ near, far });
        await ahead.start();
        const floorAfter = async (listener: "near" | "far", lie: number | null) => {
          gate.target = ahead.ports[listener];
          let floor = -1;
          const { network, onEvent } = servers(lie);
          const { errors, handshakes } = await go(
            1,
            {
              listenerPort: ahead.openPort,
              network,
              asleep: (_, kept) => {
                floor = floorOf(kept);
                return undefined;
              },
            },
            { openPort: ahead.openPort, onEvent: onEvent! },
          );
          assert.deepEqual(errors, lie === null ? ["1 clock-unknown"] : []);
          assert.deepEqual(handshakes, ["1 full"]);
          return floor;
        };
        try {
          assert.equal(await floorAfter("far", null), 0);
          assert.equal(await floorAfter("near", null), ten / 1000 - 60);
          assert.equal(await floorAfter("far", ten - nowMs + yearMs), 0);
          assert.equal(await floorAfter("near", ten - nowMs + yearMs), ten / 1000 - 60);
        } finally {
          await ahead.stop();
        }
      });
    });

    test("below which no time server is believed", async () => {
      const told = [0.5, 0.7].map((part) => moment(part).getTime() - nowMs);
      for (const [i, wrong] of [["3 clock-unknown"], []].entries()) {
        gate.target = broker.ports.younger;
        const { network, onEvent } = servers(0, 0, told[i]!);
        const { errors, handshakes } = await go(
          3,
          { network, cause: (wake, usual) => (wake === 3 ? "power-on" : usual) },
          { onEvent: onEvent! },
        );
        assert.deepEqual(errors, wrong);
        assert.deepEqual(handshakes, ["1 full", "2 resumed", "3 full"]);
      }
    });

    test("a chain that ended before it is refused without any clock; a device that never saw it cannot know", async () => {
      const run = async (first: "good" | "younger") => {
        gate.target = broker.ports[first];
        const { network, onEvent } = servers(0, null);
        return go(
          2,
          {
            network,
            cause: () => "power-on",
            asleep: () => {
              gate.target = broker.ports.old;
              return undefined;
            },
          },
          { onEvent: onEvent! },
        );
      };
      const wise = await run("younger");
      assert.deepEqual(wise.errors, ["2 clock-unknown", "2 tls-expired"]);
      assert.equal(wise.summary.verified, 1);
      const innocent = await run("good");
      assert.deepEqual(innocent.errors, ["2 clock-unknown"]);
      assert.equal(innocent.summary.verified, 2);
    });
  });

  describe("is known", () => {
    // Five hours, because at the 24th it would be chance.
    const interval = "5h";
    /**
     * What docs/storage.md promises of a clock between two answers. Each of these is in whole seconds: what is a second of
     * error after five hours is four of them fifteen hours later.
     */
    const withinSeconds = 12;
    const hoursBetween = (events: readonly RunEvent[], wakes: readonly number[]) => {
      const [first, ...rest] = only(events, "wake").map(({ at }) => Math.round(at / 3_600_000));
      return wakes.map((wake) => [first!, ...rest][wake - 1]! - first!);
    };
    /** After how many hours the clock was set. */
    const setAfter = (events: readonly RunEvent[]) => {
      const set = only(events, "phase").filter(({ name }) => name === "clock");
      return hoursBetween(
        events,
        set.map(({ wake }) => wake),
      );
    };
    /** Wakes whose readings came with another time than that at which they were taken. */
    const misdated = (events: readonly RunEvent[]) => {
      const told = only(events, "received")
        .flatMap(({ reading }) => reading ?? [])
        .filter(({ name }) => name.endsWith("temperature"));
      const wakes = only(events, "wake");
      assert.equal(told.length, wakes.length);
      return wakes
        .filter(({ at }, i) => Math.abs(told[i]!.time! - at / 1000) > withinSeconds)
        .map(({ wake }) => wake);
    };

    test("then it is asked for again, the more seldom the better the drift is known", async () => {
      const { errors, events, summary } = await lied(12, [], { interval });
      assert.deepEqual(errors, []);
      assert.equal(summary.verified, 12);
      assert.deepEqual(setAfter(events), [0, 5, 25]);
      assertDated(events, withinSeconds);
    });

    for (const [what, lie] of [
      ["ahead", 30 * 86_400_000],
      ["behind", moment(0.5).getTime() - nowMs],
    ] as const)
      test(`then a lie that fitted the certificate ends (${what})`, async () => {
        const { errors, events, summary } = await lied(9, [lie], { interval });
        assert.deepEqual(errors, []);
        assert.equal(summary.verified, 9);
        // No drift explains the second answer: the third settles it.
        assert.deepEqual(setAfter(events), [0, 5, 10, 30]);
        const wrong = misdated(events);
        // What the second measured before it asked is queued by then.
        assert.equal(wrong[0], 1);
        assert.ok(
          wrong.every((wake) => wake <= 2),
          `${wrong}`,
        );
      });

    // A board's SNTP client takes longer to give up than its wake has time for.
    for (const sntpMs of [
      [40, 40],
      [6000, 6000],
    ] as const)
      test(`and the server is silent for ${sntpMs[0]} ms: it goes on as it was, and asks again after some hours`, async () => {
        const asked: number[] = [];
        const { network, onEvent } = servers(0, 0, 0, 0, 0, null, null, null, null);
        const { errors, events, summary } = await go(
          11,
          {
            network: (quiet) => {
              const world = network!(quiet);
              return world.timeServers ? world : { ...world, sntpMs };
            },
            memory: (wake, kind) => {
              if (kind === "sntp") asked.push(wake);
              return "none";
            },
          },
          { interval, onEvent: onEvent! },
        );
        assert.deepEqual(errors, []);
        assert.equal(summary.verified, 11);
        assert.deepEqual(hoursBetween(events, asked), [0, 5, 25, 35, 45]);
        assert.deepEqual(setAfter(events), [0, 5, 45]);
        // By then it has not heard the time for longer than it would have liked.
        assertDated(events, withinSeconds);
      });
  });

  describe("is unknown", () => {
    const silent = [null, null];

    test("and the profile accepts: the floor decides", async () => {
      const { errors, handshakes, summary } = await lied(2, silent, { tls: { withoutClock: "accept" } });
      assert.deepEqual(errors, ["1 clock-unknown", "2 clock-unknown"]);
      assert.deepEqual(handshakes, ["1 full", "2 resumed"]);
      assert.equal(summary.verified, 2);
    });

    test("and the profile refuses: nothing is sent, and readings wait, dated right, for a time server", async () => {
      const { errors, events, handshakes } = await lied(3, silent, { tls: { withoutClock: "refuse" } });
      assert.deepEqual(errors, ["1 clock-unknown", "1 clock-unknown", "2 clock-unknown", "2 clock-unknown"]);
      assert.deepEqual(handshakes, ["3 full"]);
      assert.equal(gate.hellos.length, 1);
      assertDated(events);
    });

    for (const [what, ca] of [
      ["pins", false],
      ["pins beside a CA", true],
    ] as const)
      test(`and the profile refuses, but has ${what}: they need none`, async () => {
        const { errors, handshakes, summary } = await lied(2, silent, {
          ca: ca ? pki.root : null,
          tls: {
            withoutClock: "refuse",
            pins: [pki.pin(pki), `sha256/${Buffer.alloc(32, 1).toString("base64")}`],
          },
        });
        assert.deepEqual(errors, ["1 clock-unknown", "2 clock-unknown"]);
        assert.deepEqual(handshakes, ["1 full", "2 resumed"]);
        assert.equal(summary.verified, 2);
      });

    test("and the profile refuses, but has a PSK: it needs none", async () => {
      gate.target = broker.ports.psk;
      const { errors, summary } = await lied(2, silent, {
        identity: await pki.identity("PSK"),
        ca: null,
        tls: { withoutClock: "refuse" },
      });
      assert.deepEqual(errors, ["1 clock-unknown", "2 clock-unknown"]);
      assert.equal(summary.verified, 2);
    });
  });
});
