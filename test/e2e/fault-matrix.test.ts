/**
 * Every fault in every phase that it can strike, with the board knowing its network from the wake before and without: it
 * is seen to strike, the wake stays within its budget, the next one makes it good, and nothing acknowledged is lost.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type SimFlags, simOptions } from "../../cli/sim.js";
import { type FaultForm, faultForms, faultNames } from "../../host-sim/faults/catalogue.js";
import { type Fault, parseFault } from "../../host-sim/faults/fault.js";
import type { RunEvent } from "../../host-sim/report/events.js";
import type { Profile } from "../../lib/store/profile.js";
import { Broker } from "./mqtt-broker.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { only, run } from "./run.js";

/** What the phases close and persist may take when the budget is spent. */
const closingMs = 2000;

const values = { percent: "30%", duration: "200ms", seconds: "-90000", bytes: "9000", certificate: "name" };

/** Each fault in each place; where places are numbers, one of many. */
const texts = faultNames.flatMap((name) => {
  const form: FaultForm = faultForms[name];
  const value = form.valueNeeded ? `=${values[form.value!]}` : "";
  const counts = form.counts && (form.counts === "effect" ? "1-1200" : "1000-300000");
  const places = [...(form.whereNeeded ? [] : [""]), ...(form.phases ?? []), ...(counts ? [counts] : [])];
  return places.map((place) => `${name}${value}${place && `@${place}`}`);
});

/** How the device takes it: the failures it reports, or the reset that ends the wake. "?": that is luck. */
type Told = readonly string[] | "?";

/** @param cold the board has lost RTC memory before, so that it has to find its network and the time anew */
function expected(text: string, cold: boolean, profile: Profile): Told {
  const [name, place = ""] = text.split("@");
  switch (name) {
    case "no-ap":
      return ["network-unavailable"];
    case "wrong-password":
      // Two tries, and the second may come to the phase's end.
      return "?";
    case "dns-fail":
      return cold ? ["name-unresolved"] : "?";
    case "dns-wrong":
      return cold ? ["deadline"] : "?";
    case "sntp-fail":
      return cold ? ["clock-unknown"] : [];
    case "refuse":
      return ["connect-failed"];
    case "reset":
      if (place === "connect") return ["connect-failed"];
      if (place === "secure") return ["connection-lost"];
      return place === "close" ? [] : [profile.broker.tls ? "tls-truncated" : "connection-lost"];
    case "stall":
      if (place === "close") return [];
      if (!cold && isAtTimes(place)) return "?";
      return [place === "secure" ? "tls-timeout" : "deadline"];
    case "bad-certificate":
      return ["tls-untrusted"];
    case "flash-full":
    case "flash-lost":
      // A cold start reserves counters first.
      return cold ? ["storage-failed"] : [];
    case "rtc-stuck":
      return ["storage-failed"];
    case "tls-memory=9000":
      return ["tls-memory"];
    case "power-cut":
    case "brownout": {
      const reset = name === "brownout" ? "brown-out" : name;
      if (place === "") return [];
      return /\d/.test(place) || (!cold && isAtTimes(place)) ? "?" : [reset];
    }
    case "loss=30%":
      return "?";
    default:
      return [];
  }
}

/** What is known from the wake before is asked for now and then only. */
function isAtTimes(phase: string): boolean {
  return phase === "clock" || phase === "resolve";
}

interface Item {
  readonly text: string;
  readonly cold: boolean;
  readonly wake: number;
}

/** Each once. */
function told(events: readonly RunEvent[], wake: number): string[] {
  const all = events.flatMap((event) => {
    if (event.wake !== wake) return [];
    if (event.event === "error") return [event.kind];
    return event.event === "reset" ? [event.reason] : [];
  });
  return [...new Set(all)];
}

interface Board {
  readonly flags: SimFlags;
  readonly edit: (profile: Profile) => Profile;
  readonly suffers: (text: string) => boolean;
}

async function live({ flags, edit, suffers }: Board) {
  const { profile: simple } = await simOptions(flags);
  const profile = edit(simple);
  const some = texts.filter(suffers);
  const items: Item[] = [false, true].flatMap((cold, half) =>
    some.map((text, n) => ({ text, cold, wake: 2 * (half * some.length + n) + 2 })),
  );
  const faults = items.flatMap(({ text, cold, wake }): Fault[] => {
    const when = { fromWake: wake, toWake: wake };
    const forgetful = cold ? [parseFault("rtc-lost", when), parseFault("clock-lost", when)] : [];
    return [...forgetful, parseFault(text, when)];
  });
  const cycles = String(items.at(-1)!.wake + 1);
  return { items, profile, ...(await run({ ...flags, cycles, seed: "7" }, undefined, { profile, faults })) };
}

function suffer(name: string, board: () => Promise<Board>): void {
  describe(name, () => {
    let lived: Awaited<ReturnType<typeof live>>;
    before(async () => {
      lived = await live(await board());
    });

    test("each fault strikes as it says", () => {
      const { items, events, profile } = lived;
      const wrong = items.flatMap(({ text, cold, wake }) => {
        const wanted = expected(text, cold, profile);
        const is = told(events, wake);
        return wanted === "?" || is.join() === wanted.join()
          ? []
          : [`${text}${cold ? ", cold" : ""}: ${is.join()} for ${wanted.join()}`];
      });
      assert.deepEqual(wrong, []);
    });

    test("each wake ends within its budget and what closing takes", () => {
      const { events, profile } = lived;
      const { tls } = profile.broker;
      const resumption = tls !== false && tls.resumption;
      const ticketMs = resumption ? 1000 * resumption.ticketWaitSeconds : 0;
      const longestMs = 1000 * profile.cycle.wakeBudgetSeconds + closingMs + ticketMs;
      for (const { wake, awakeMs } of only(events, "sleep"))
        assert.ok(awakeMs <= longestMs, `wake ${wake}: ${awakeMs} ms`);
    });

    test("the first wake after each makes it good", () => {
      const { items, events } = lived;
      const asleep = new Set(only(events, "sleep").map(({ wake }) => wake));
      const wrong = items.flatMap(({ text, cold, wake }) => {
        const trouble = told(events, wake + 1);
        const acked = events.some((event) => event.wake === wake + 1 && event.event === "acked");
        return trouble.length === 0 && acked && asleep.has(wake + 1)
          ? []
          : [`${text}${cold ? ", cold" : ""}: ${trouble.join() || "nothing acknowledged"}`];
      });
      assert.deepEqual(wrong, []);
    });

    test("nothing acknowledged is lost, nothing comes that is neither fresh nor a duplicate", () => {
      const { events, tally } = lived;
      const acked = new Set(only(events, "acked").map(({ counter }) => counter));
      const received = only(events, "received");
      for (const { counter } of received) acked.delete(counter!);
      assert.deepEqual([...acked], []);
      const verdicts = new Set(received.map(({ verdict }) => verdict));
      verdicts.delete("duplicate");
      assert.deepEqual([...verdicts], ["fresh"]);
      assert.ok(tally.success, "all is accounted for");
    });
  });
}

suffer("an ESP32 with TLS and a pin that wakes it", async () => ({
  flags: { board: "esp32" },
  edit: (profile) => ({ ...profile, cycle: { ...profile.cycle, wakeOn: { pin: 4, level: 1 } } }),
  suffers: (text) => !text.includes("@commands"),
}));

suffer("an ESP8266 over plain TCP", async () => ({
  flags: { board: "esp8266" },
  edit: plain,
  suffers: (text) => !/@commands|@secure|tls-|certificate|gpio/.test(text),
}));

describe("with Mosquitto", { skip: mosquittoMissing() }, () => {
  const broker = new Broker();
  before(() => broker.start());
  after(() => broker.stop());

  suffer("an ESP32-C3 that takes commands", async () => ({
    flags: { board: "esp32c3", broker: `mqtt://localhost:${broker.port}` },
    edit: (profile) => ({
      ...profile,
      mqtt: { ...profile.mqtt, version: "5", sessionExpirySeconds: 604_800 },
      commands: { protection: "stamp", algorithm: "hmac-256", controllers: ["ops"] },
    }),
    suffers: (text) => /@(connect|session|drain|commands|close|persist)$|@1-/.test(text),
  }));
});

function plain(profile: Profile): Profile {
  return { ...profile, broker: { ...profile.broker, tls: false, insecure: true } };
}
