/**
 * What a wake remembers of the network: what it saves, and that each remembered piece which is no longer so is found out
 * anew within the same wake.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { after, describe, test } from "node:test";
import { type SimFlags, simOptions } from "../../cli/sim.js";
import type { Disturbance } from "../../host-sim/disturbance.js";
import type { RunEvent } from "../../host-sim/report/events.js";
import type { World } from "../../host-sim/world/network.js";
import type { Profile } from "../../lib/store/profile.js";
import { decodeNetwork, encodeNetwork, type NetworkCache } from "../../lib/store/rtc-network.js";
import { withSection } from "./rtc-image.js";
import { eager, only, run } from "./run.js";

const networkType = 3;

interface Joined {
  readonly events: readonly RunEvent[];
  /** What the board asked the network in each wake: wifi, dhcp, sntp, dns. */
  readonly asked: string[][];
  /** What the phase `join` said of itself, each time it ran. */
  readonly joins: string[][];
}

async function wakes(
  flags: SimFlags,
  disturbance: Disturbance = {},
  change: (profile: Profile) => Profile = (profile) => profile,
): Promise<Joined> {
  const asked: string[][] = [];
  const all = { board: "esp32c3", seed: "5", ...flags };
  const { profile } = await simOptions(all);
  const { events, summary } = await run(all, undefined, {
    profile: change(eager(profile)),
    disturbance: {
      ...disturbance,
      memory: (wake, kind) => {
        asked[wake - 1] ??= [];
        if (kind !== undefined) asked[wake - 1]!.push(kind);
        return "none";
      },
    },
  });
  assert.deepEqual(only(events, "error"), []);
  assert.equal(summary.rejected, 0);
  assert.equal(summary.verified, asked.length, "each wake has sent");
  const joins = asked.map((_, i) =>
    only(events, "phase")
      .filter(({ wake, name }) => wake === i + 1 && name === "join")
      .map(({ detail = "" }) => detail),
  );
  return { events, asked, joins };
}

/** The network is as `changed` makes it from the third wake on. */
function fromTheThird(changed: (quiet: World) => World): Disturbance {
  let slept = 0;
  return {
    network: (quiet) => (slept >= 2 ? changed(quiet) : quiet),
    asleep: (wake) => {
      slept = wake;
      return undefined;
    },
  };
}

function atAccessPoint(change: Partial<World["accessPoints"][number]>): Disturbance {
  return fromTheThird((quiet) => ({
    ...quiet,
    accessPoints: quiet.accessPoints.map((point) => ({ ...point, ...change })),
  }));
}

/** What the second wake has left for the third is changed. */
function remembering(
  change: (network: NetworkCache) => NetworkCache | Promise<NetworkCache> | undefined,
): Disturbance {
  return {
    asleep: async (wake, { rtc }) => {
      if (wake !== 2) return undefined;
      let section: Uint8Array | undefined;
      withSection(rtc, networkType, (content) => {
        section = content;
        return content;
      });
      const changed = await change(decodeNetwork(section)!);
      return { rtc: withSection(rtc, networkType, () => changed && encodeNetwork(changed)) };
    },
  };
}

const unresumed = ({ broker, ...others }: Profile): Profile => ({
  ...others,
  broker: { ...broker, ...(broker.tls && { tls: { ...broker.tls, resumption: false } }) },
});

/** Both, one after the other. */
function together(one: Disturbance, other: Disturbance): Disturbance {
  return {
    ...one,
    asleep: async (...kept) => {
      await one.asleep!(...kept);
      return other.asleep!(...kept);
    },
  };
}

const quickly = "without a scan, without DHCP";
const awakeMs = (events: readonly RunEvent[]) => only(events, "sleep").map((event) => event.awakeMs);

describe("a remembered network", () => {
  for (const board of ["esp32c3", "esp8266"])
    test(`spares the scan, DHCP and the name (${board})`, async () => {
      // On an ESP8266 a session and all of the network do not fit RTC memory together.
      const { asked, joins } = await wakes(
        { board, cycles: "4" },
        {},
        board === "esp8266" ? unresumed : undefined,
      );
      assert.deepEqual(asked, [["wifi", "dhcp", "sntp", "dns"], ["wifi", "sntp"], ["wifi"], ["wifi"]]);
      assert.deepEqual(joins, [[""], [quickly], [quickly], [quickly]]);
    });

  test("spares more than half of the time that a board is awake", async () => {
    const cycles = "6";
    const cached = awakeMs((await wakes({ cycles })).events).slice(2);
    const forgotten = await wakes(
      { cycles },
      { asleep: (_, { rtc }) => ({ rtc: withSection(rtc, networkType, () => undefined) }) },
    );
    assert.ok(forgotten.asked.every((kinds) => kinds.includes("dhcp") && kinds.includes("dns")));
    const uncached = awakeMs(forgotten.events).slice(2);
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    // Both are the virtual clock's: what the world's network takes, and a few milliseconds of work.
    assert.ok(
      mean(cached) <= mean(uncached) / 2,
      `awake ${mean(cached)} ms with it, ${mean(uncached)} ms without`,
    );
  });

  test("is found out anew when its time is over: the name each hour, the rest by the lease", async () => {
    const lease = (quiet: World) => ({
      ...quiet,
      accessPoints: quiet.accessPoints.map((point) => ({ ...point, leaseSeconds: 7000 })),
    });
    const { asked } = await wakes({ cycles: "9", interval: "16m" }, { network: lease });
    const withName = asked.flatMap((kinds, i) => (kinds.includes("dns") ? [i + 1] : []));
    const leased = asked.flatMap((kinds, i) => (kinds.includes("dhcp") ? [i + 1] : []));
    // Wakes are 960 s apart; of the lease 6,300 s are used, of the name 3,600.
    assert.deepEqual(
      [withName, leased],
      [
        [1, 5, 9],
        [1, 8],
      ],
    );
  });

  test("is not used for longer than the lease by a board whose clock is 5 % slow", async () => {
    const lease = (quiet: World) => ({
      ...quiet,
      accessPoints: quiet.accessPoints.map((point) => ({ ...point, leaseSeconds: 2400 })),
    });
    const { joins } = await wakes({ cycles: "8", drift: "-50000" }, { network: lease });
    assert.ok(
      joins.flat().every((told) => told === "" || told === quickly),
      joins.join(),
    );
  });

  test("with a weak signal leaves the choice of the access point to the next wake", async () => {
    const far = (quiet: World) => ({
      ...quiet,
      accessPoints: quiet.accessPoints.map((point) => ({ ...point, rssi: -85 })),
    });
    const { joins } = await wakes({ cycles: "3" }, { network: far });
    assert.deepEqual(joins, [[""], ["without DHCP"], ["without DHCP"]]);
  });
});

test("a board that stays awake remembers the access point, and has its address by DHCP", async () => {
  const asked: string[] = [];
  const options = await simOptions({ board: "esp32c3", cycles: "20" });
  const { events } = await run({}, undefined, {
    ...options,
    profile: { ...options.profile, cycle: { ...options.profile.cycle, mode: "awake" } },
    disturbance: {
      link: () => [{ resetOn: '"sequence":2' }],
      memory: (_, kind) => {
        if (kind !== undefined) asked.push(kind);
        return "none";
      },
    },
  });
  const joins = only(events, "phase").filter(({ name }) => name === "join");
  assert.ok(joins.length >= 2, `${joins.length} joins`);
  assert.deepEqual([joins[0]!.detail, joins[1]!.detail], [undefined, "without a scan"]);
  assert.equal(asked.filter((kind) => kind === "dhcp").length, joins.length);
});

describe("what is no longer as remembered costs no wake:", () => {
  const gone = "the remembered access point is not there";
  for (const [name, change] of [
    ["the channel", { channel: 11 }],
    ["the access point", { bssid: "02:00:5e:00:53:99" }],
    [
      "the access point and its network",
      { bssid: "02:00:5e:00:53:99", address: "10.0.0.9", gateway: "10.0.0.1" },
    ],
  ] as const)
    test(name, async () => {
      const { asked, joins, events } = await wakes({ cycles: "4" }, atAccessPoint(change));
      assert.deepEqual(joins.slice(2), [[gone], [quickly]], "and the next wake knows it");
      assert.deepEqual(asked[2], ["wifi", "wifi", "dhcp"]);
      assert.ok(awakeMs(events)[2]! < 5000, `${awakeMs(events)[2]} ms`);
    });

  for (const [name, change] of [
    ["the address is another board's", { address: "192.168.4.99" }],
    ["the network has other addresses", { address: "10.0.0.9", gateway: "10.0.0.1", nameServer: "10.0.0.1" }],
  ] as const)
    test(name, async () => {
      const { asked, joins, events } = await wakes({ cycles: "4" }, atAccessPoint(change));
      assert.deepEqual(joins.slice(2), [[quickly, "nobody heard the remembered address"], [quickly]]);
      assert.deepEqual(asked[2], ["wifi", "dhcp", "dns"]);
      assert.ok(awakeMs(events)[2]! < 5000, `${awakeMs(events)[2]} ms`);
    });

  test("the address is another board's, which is found out when the broker's name is asked for", async () => {
    const { joins, asked } = await wakes(
      { cycles: "4" },
      together(
        atAccessPoint({ address: "192.168.4.99" }),
        remembering(({ broker: _, ...others }) => others),
      ),
    );
    assert.deepEqual(joins.slice(2), [[quickly, "nobody heard the remembered address"], [quickly]]);
    assert.deepEqual(asked[2], ["wifi", "dns", "dhcp", "dns"]);
  });

  const moved = "127.0.0.2";
  const movedBroker = ({ broker, ...others }: NetworkCache) => ({
    ...others,
    broker: { ...broker!, address: moved },
  });

  test("the broker has moved, and nobody is where it was", async () => {
    const { asked, joins } = await wakes({ cycles: "4" }, remembering(movedBroker));
    assert.deepEqual(asked.slice(2), [["wifi", "dns"], ["wifi"]]);
    assert.deepEqual(joins.slice(2), [[quickly], [quickly]], "the board's own address is right");
  });

  describe("the broker has moved,", () => {
    const servers: Server[] = [];
    after(() => {
      for (const server of servers) server.close();
    });

    for (const [name, behave] of [
      ["who is there now hangs up", (socket: Socket) => socket.destroy()],
      ["who is there now speaks something else", (socket: Socket) => socket.end("220 mail.example\r\n")],
    ] as const)
      test(`and ${name}`, async () => {
        let port = 0;
        let heard = 0;
        const { asked } = await wakes(
          { cycles: "4" },
          {
            provisioned: (right) => {
              port = right.profile.broker.port;
              return right;
            },
            ...remembering(async (network) => {
              const server = createServer((socket) => {
                heard++;
                socket.on("error", () => {});
                behave(socket);
              });
              servers.push(server);
              await once(server.listen(port, moved), "listening");
              return movedBroker(network);
            }),
          },
        );
        assert.ok(heard > 0, "the device went there first");
        assert.equal(asked[2]!.at(-1), "dns");
        assert.deepEqual(asked[3], ["wifi"]);
      });
  });

  test("all of it at once", async () => {
    const change = { bssid: "02:00:5e:00:53:99", channel: 1, address: "10.0.0.9", gateway: "10.0.0.1" };
    const { asked, events } = await wakes(
      { cycles: "4" },
      together(atAccessPoint(change), remembering(movedBroker)),
    );
    assert.deepEqual(asked.slice(2), [["wifi", "wifi", "dhcp", "dns"], ["wifi"]]);
    assert.ok(awakeMs(events)[2]! < 5000);
  });
});

describe("the time", () => {
  /** By how many seconds each wake's reading is dated wrong. */
  const misdated = (events: readonly RunEvent[]) => {
    const told = only(events, "received")
      .flatMap(({ reading }) => reading ?? [])
      .filter(({ name }) => name.endsWith("temperature"));
    return only(events, "wake").map(({ at }, i) => Math.abs(told[i]!.time! - at / 1000));
  };

  for (const board of ["esp32c3", "esp8266"])
    for (const drift of ["-50000", "50000"])
      test(`is right to 12 s on an ${board} whose clock is ${drift} ppm wrong, from the first reading on`, async () => {
        const { events, asked } = await wakes({ board, drift, cycles: "60", interval: "3h" });
        const worst = Math.max(...misdated(events));
        assert.ok(worst <= 12, `${worst} s wrong`);
        const times = asked.flatMap((kinds, i) => (kinds.includes("sntp") ? [3 * i] : []));
        assert.ok(times.length <= 8, `asked after ${times} hours`);
        assert.deepEqual(times.slice(0, 2), [0, 3]);
        const woke = only(events, "wake").map(({ at }) => at);
        const late = woke.slice(3).map((at, i) => Math.abs(at - woke[i + 2]! - 3 * 3_600_000));
        assert.ok(Math.max(...late) <= 12_000, `wakes are ${Math.max(...late)} ms from three hours apart`);
      });

  test("also decides on certificates: a wake that does not ask goes by what it has kept", async () => {
    const { events, asked } = await wakes({ board: "esp8266", drift: "30000", cycles: "5" });
    assert.deepEqual(
      asked.map((kinds) => kinds.includes("sntp")),
      [true, true, false, false, false],
    );
    assert.equal(only(events, "phase").filter(({ name }) => name === "secure").length, 5);
  });
});
