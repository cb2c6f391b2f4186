import {
  clockJumped,
  type Granted,
  type Joined,
  maskOf,
  nameSeconds,
  remembered,
  usable,
} from "../../../lib/cycle/join-cache.js";
import type { NetworkCache } from "../../../lib/store/rtc-network.js";
import { equal, fromHex, test } from "../../device/harness.js";

const now = 1_790_000_000;
const day = 86_400;
const bssid = fromHex("02005e005301");
const granted: Granted = {
  address: "192.168.4.23",
  mask: "255.255.255.0",
  gateway: "192.168.4.1",
  nameServer: "192.168.4.1",
  seconds: day,
};
const joined: Joined = { bssid, channel: 6, rssi: -60, lease: granted };
const lease = {
  address: "192.168.4.23",
  prefixLength: 24,
  gateway: "192.168.4.1",
  nameServer: "192.168.4.1",
  endsAtSeconds: now + 0.9 * day,
};
const broker = { address: "192.168.4.2", endsAtSeconds: now + nameSeconds };
const all: NetworkCache = { bssid, channel: 6, lease, broker };

test("what was found out is kept; of a lease nine tenths", () => {
  equal(remembered({}, joined, now), { bssid, channel: 6, lease });
  equal(remembered({ broker }, joined, now), all);
});

test("what served is kept as it was: no use of it makes it last longer", () => {
  equal(remembered(all, { ...joined, lease: undefined }, now + 3000), all);
});

test("a weak access point, a short lease and an odd mask are found out anew each time", () => {
  equal(remembered({}, { ...joined, rssi: -75 }, now).channel, 6);
  equal(remembered({}, { ...joined, rssi: -76 }, now), { lease });
  const leased = (part: Partial<Granted>) =>
    remembered({}, { ...joined, lease: { ...granted, ...part } }, now);
  equal(leased({ seconds: 600 }).lease?.endsAtSeconds, now + 540);
  equal(leased({ seconds: 599 }).lease, undefined);
  equal(leased({ seconds: 2 ** 32 - 1 }).lease?.endsAtSeconds, now + 0.9 * 7 * day);
  for (const mask of ["255.0.255.0", "0.0.0.0", ""]) equal(leased({ mask }).lease, undefined, mask);
});

test("what a board cannot tell is not kept", () => {
  const { bssid: _, ...without } = all;
  equal(remembered({}, { ...joined, bssid: undefined }, now), { lease });
  equal(remembered({}, { ...joined, channel: undefined }, now), { lease });
  equal(remembered({}, { ...joined, rssi: undefined }, now), { bssid, channel: 6, lease });
  equal(usable({ ...without }, now), { lease, broker });
});

test("each piece is used until its end, the access point as long as the lease", () => {
  equal(usable(undefined, now), {});
  equal(usable(all, now + nameSeconds - 1), all);
  equal(usable(all, now + nameSeconds), { bssid, channel: 6, lease });
  equal(usable({ ...all, broker: { ...broker, endsAtSeconds: now + 2 * day } }, now + 0.9 * day), {
    broker: { ...broker, endsAtSeconds: now + 2 * day },
  });
  equal(usable({ bssid, channel: 6 }, now + 100 * day), { bssid, channel: 6 }, "a network without leases");
});

test("the ends move with the clock", () => {
  equal(clockJumped(undefined, 5000), undefined);
  equal(clockJumped(all, 3_600_000), {
    ...all,
    lease: { ...lease, endsAtSeconds: lease.endsAtSeconds + 3600 },
    broker: { ...broker, endsAtSeconds: broker.endsAtSeconds + 3600 },
  });
  equal(clockJumped({ bssid, channel: 6 }, 5000), { bssid, channel: 6 });
  equal(clockJumped({ broker }, -1000 * (now + day))?.broker?.endsAtSeconds, 0);
});

test("masks are of so many bits", () => {
  equal(maskOf(24), "255.255.255.0");
  equal(maskOf(20), "255.255.240.0");
  equal(maskOf(32), "255.255.255.255");
  equal(maskOf(0), "0.0.0.0");
  for (let length = 1; length <= 32; length++)
    equal(
      remembered({}, { ...joined, lease: { ...granted, mask: maskOf(length) } }, now).lease?.prefixLength,
      length,
    );
});

test("a clock that has begun anew makes no lease and no name last for ever", () => {
  equal(usable(all, now), all);
  equal(usable(all, 20), {}, "before anybody has told the time");
  equal(usable(clockJumped(all, 1000 * now), now + 20), {}, "and once it is told");
});
