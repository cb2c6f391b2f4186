/** Whole wakes of a device whose way to its broker is a relay, and what the relay has seen of them. */
import type { IPublishPacket } from "mqtt-packet";
import { simOptions } from "../../cli/sim.js";
import type { BoardName } from "../../host-sim/board.js";
import type { Disturbance } from "../../host-sim/disturbance.js";
import type { RunEvent } from "../../host-sim/report/events.js";
import type { World } from "../../host-sim/world/network.js";
import type { Profile } from "../../lib/store/profile.js";
import type { Relay } from "./mqtt-relay.js";
import { eager, only, run } from "./run.js";

export interface Wakes {
  readonly board?: BoardName;
  readonly cycles: number;
  readonly version?: Profile["mqtt"]["version"];
  readonly edit?: (profile: Profile) => Profile;
  readonly onEvent?: (event: RunEvent) => void;
  readonly disturbance?: Disturbance;
}

/** A device whose way to the broker, without TLS, is the relay; the judge has its own. */
export async function wakes(relay: Relay, judgePort: number, given: Wakes) {
  const { board = "esp32c3", cycles, version = "5", edit = (profile) => profile, onEvent } = given;
  const flags = { board, cycles: `${cycles}`, broker: `mqtt://localhost:${relay.port}` };
  const { profile } = await simOptions(flags);
  const result = await run(flags, onEvent, {
    // What waits is all in RTC memory, and can go out at once: of flash one segment goes at a time.
    profile: edit({ ...eager(profile), mqtt: { ...profile.mqtt, version }, outbox: { flashBytes: 0 } }),
    disturbance: { listenerPort: judgePort, ...given.disturbance },
  });
  const errors = only(result.events, "error").map(({ wake, kind }) => `${wake} ${kind}`);
  return { ...result, errors };
}

/** What went out before CONNACK, by connection. */
export function early(relay: Relay): string[] {
  const scripts: string[] = [];
  for (let connection = 0; relay.script(connection).length > 0; connection++) {
    const script = relay.script(connection);
    const connack = script.indexOf("connack");
    scripts.push(script.slice(0, connack < 0 ? script.length : connack).join(", "));
  }
  return scripts;
}

export function published(relay: Relay, connection: number): IPublishPacket[] {
  return relay.passed.flatMap(({ packet, ...one }) =>
    one.connection === connection && packet.cmd === "publish" ? [packet] : [],
  );
}

export const inOneFlight = "connect, publish 1";
const outage =
  (until: () => boolean) =>
  (quiet: World): World =>
    until() ? { ...quiet, accessPoints: [] } : quiet;

/** The first wakes are without network. */
export function afterOutage(down: number): Pick<Wakes, "onEvent" | "disturbance"> {
  let slept = 0;
  return {
    onEvent: (event) => {
      if (event.event === "sleep") slept++;
    },
    disturbance: { network: outage(() => slept > 0 && slept <= down) },
  };
}
