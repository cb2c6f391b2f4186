/** Keep-alive, PINGREQ and PINGRESP (§3.1.2.10, §3.12), and the end by DISCONNECT (§3.14). */
import { equal, hex, throws } from "../../../device/harness.js";
import { connack, disconnect, pingresp, publish } from "./broker-packets.js";
import { inBoth, lasting, online, only5, only311 } from "./conversation.js";

inBoth("3.1.2-23", "3.1.2-20", "PINGREQ when nothing else was sent for the keep-alive", (version) => {
  const script = online(version, { keepAliveSeconds: 10 });
  equal(script.connect.keepAliveSeconds, 10);
  script.at(9_999).sees().at(10_000).sees("PINGREQ").receive(pingresp).sees();
  script.at(15_000).publish({ qos: 0 }).skip().at(24_999).sees().at(25_000).sees("PINGREQ");
  script
    .receive(pingresp)
    .at(30_000)
    .receive(publish(version, { qos: 1 }))
    .skip();
  // What comes in does not count, what answers it does.
  script.at(39_000).receive(publish(version)).at(39_999).sees().at(40_000).sees("PINGREQ");
});

inBoth(
  "3.1.2-23",
  "3.1.2-20",
  "PINGRESP is not awaited for longer than a keep-alive: that would be a silence longer than allowed",
  (version) => {
    const script = online(version, { keepAliveSeconds: 2, ackTimeoutMs: 30_000 });
    script.at(2_000).sees("PINGREQ").at(3_999).sees().at(4_000).sees("closed").tells("failed deadline 0");
  },
);

inBoth("3.1.2-23", "3.1.2-20", "keep-alive 0 is none", (version) => {
  const script = online(version, { keepAliveSeconds: 0 });
  equal(script.connect.keepAliveSeconds, 0);
  script.at(1e9).sees();
});

only5("3.1.2-21 3.2.2-21", "the keep-alive in CONNACK is the one that counts", () => {
  online(5, { keepAliveSeconds: 60 }, "130005").at(4_999).sees().at(5_000).sees("PINGREQ");
  const longer = online(5, { keepAliveSeconds: 5 }, "13003c").at(59_999);
  longer.sees().at(60_000).sees("PINGREQ");
  online(5, { keepAliveSeconds: 5 }, "130000").at(1e9).sees();
  online(5, { keepAliveSeconds: 0 }, "130005").at(5_000).sees("PINGREQ");
});

inBoth("3.12.4-1", "3.12.4-1", "a broker that does not answer PINGREQ is given up", (version) => {
  const script = online(version, { keepAliveSeconds: 10, ackTimeoutMs: 500 }).at(10_000).sees("PINGREQ");
  script.at(10_499).sees().at(10_500).sees("closed").tells("failed deadline 0");
});

inBoth(
  "3.14.4-1 3.14.4-2",
  "3.14.4-1 3.14.4-2",
  "after DISCONNECT the client closes and sends nothing, whatever comes or is due",
  (version) => {
    const script = online(version, { keepAliveSeconds: 10 }).publish({ qos: 2 }).skip();
    script.do({ type: "disconnect" }).sees("DISCONNECT", "closed");
    script
      .receive(publish(version, { qos: 1 }))
      .receive("50020001")
      .at(1e6);
    script.do({ type: "disconnect" }).do({ type: "transport-closed" }).sees();
    throws(() => script.publish(), RangeError, /ended/);
    throws(() => script.do({ type: "unsubscribe", filters: ["a"], token: 1 }), RangeError, /ended/);
    throws(() => script.start(), RangeError, /ended/);
  },
);

inBoth(
  "4.8.0-1 3.14.4-2",
  "3.14.4-1 3.14.4-2",
  "nor after it has closed on an error, even within one read",
  (version) => {
    const script = online(version).receive(connack(version) + publish(version, { qos: 1 }));
    script
      .sees(...(version === 5 ? ["DISCONNECT 130", "closed"] : ["closed"]))
      .tells("failed protocol-error 130");
    script.receive(publish(version, { qos: 1 })).sees();
  },
);

only5("3.14.1-1", "DISCONNECT with reserved bits closes the connection as malformed", () => {
  for (const first of ["e1", "e2", "e4", "e8"])
    online(5).receive(`${first}020000`).sees("DISCONNECT 129", "closed");
  online(5).receive("e0020000").sees("closed");
});

only311("3.14.1-1", "a broker sends no DISCONNECT", () => {
  online(4).receive("e000").sees("closed").tells("failed protocol-error 130");
});

only5("3.14.2-1", "DISCONNECT has a reason code of its own, sent and received", () => {
  online(5).do({ type: "disconnect" }).sees("DISCONNECT", "closed");
  online(5).do({ type: "disconnect", withWill: true }).sees("DISCONNECT 4", "closed");
  const codes = [0, 128, 129, 130, 131, 135, 137, 139, 141, 142, 143, 144, 147, 148, 149, 150, 151, 152, 153];
  for (const code of [...codes, 154, 155, 156, 157, 158, 159, 160, 161, 162])
    online(5).receive(disconnect(code)).sees("closed");
  for (const code of [1, 2, 16, 24, 127, 132, 134, 138, 255])
    online(5).receive(disconnect(code)).sees("DISCONNECT 129", "closed");
});

only5(
  "3.14.2-2",
  "a session expiry interval in the broker's DISCONNECT is an error, in the client's it may stand",
  () => {
    online(5).receive(disconnect(0, "110000000a")).sees("DISCONNECT 129", "closed");
    const script = online(5, lasting).do({ type: "disconnect", sessionExpirySeconds: 10 });
    equal(script.last().properties.get(17), [10]);
    const short = online(5);
    throws(() => short.do({ type: "disconnect", sessionExpirySeconds: 10 }), RangeError, /expiry/);
  },
);

only5("3.14.2-3 3.14.2-4", "the client's DISCONNECT has no reason string and no user property", () => {
  const smallest = "2700000004";
  const script = online(5, { userProperties: [["a", "b"]] }, smallest).receive("00");
  script.sees("DISCONNECT 129", "closed");
  equal(script.last().properties.size, 0);
  const bytes = script.all.flatMap((one) => (one.type === "send" ? [hex(one.bytes)] : []));
  equal(bytes.at(-1), "e0028100");
});
