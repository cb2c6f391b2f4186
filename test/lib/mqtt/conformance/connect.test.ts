/** CONNECT, §3.1 of both standards. */
import { equal, fromHex, ok, throws } from "../../../device/harness.js";
import { connack } from "./broker-packets.js";
import { Conversation, hasRoom, inBoth, lasting, only5, only311 } from "./conversation.js";

const will = { topic: "w/€", payload: fromHex("00ff"), qos: 2, retain: true } as const;
const full = { clientId: "c€", userName: "u€", password: fromHex("00ff"), will };

inBoth("3.1.0-1", "3.1.0-1", "CONNECT comes first, also before what does not wait for CONNACK", (version) => {
  const subscriptions = [{ filter: "c/d", qos: 1 }] as const;
  const script = new Conversation(version, { subscriptions });
  throws(() => script.publish(), RangeError, /publish while idle/);
  throws(() => script.do({ type: "subscribe", subscriptions, token: 1 }), RangeError, /while idle/);
  throws(() => script.receive(connack(version)), RangeError, /before start/);
  script.do({ type: "time" }).sees();
  script.start().publish({ qos: 0 });
  equal(script.packets()[0]?.name, "CONNECT");
  ok(
    script.packets().some(({ name }) => name === "PUBLISH"),
    "something follows",
  );
  throws(() => script.start(), RangeError, /start while connecting/);
});

inBoth(
  "3.1.2-9 3.1.2-19 3.1.2-21 3.1.3-1 3.1.3-3",
  "3.1.2-1 3.1.2-9 3.1.2-17 3.1.2-19 3.1.3-1 3.1.3-3",
  "all fields of CONNECT, in their order",
  (version) => {
    const {
      flags,
      clientId,
      will: seen,
      userName,
      password,
    } = new Conversation(version, full).start().connect;
    equal(flags, 0b1111_0110);
    equal(clientId, "c€");
    equal({ ...seen, properties: seen?.properties.size }, { ...will, payload: "00ff", properties: 0 });
    equal([userName, password], ["u€", "00ff"]);
  },
);

only5("3.1.2-9 3.1.3-1", "the will's properties stand between client identifier and will topic", () => {
  const properties = { delaySeconds: 60, contentType: "t", responseTopic: "r", messageExpirySeconds: 5 };
  const script = new Conversation(5, { ...full, will: { ...will, ...properties, payloadIsText: true } });
  const seen = script.start().connect.will;
  equal([seen?.topic, seen?.payload], ["w/€", "00ff"]);
  equal(
    [24, 3, 8, 2, 1].map((id) => seen?.properties.get(id)?.[0]),
    [60, "t", "r", 5, 1],
  );
});

inBoth(
  "3.1.2-11 3.1.2-13 3.1.2-15",
  "3.1.2-11 3.1.2-13",
  "without a will, its QoS and retain are 0 and its fields absent",
  (version) => {
    for (const options of [{}, { userName: "u" }, { userName: "u", password: fromHex("00") }, lasting]) {
      const { flags, will: seen } = new Conversation(version, options).start().connect;
      equal([flags & 0b0011_1100, seen], [0, undefined]);
    }
  },
);

inBoth(
  "3.1.2-4 3.1.2-6",
  "3.1.2-4 3.1.2-23",
  "CONNECT asks for the session that the client keeps",
  (version) => {
    const cases = [
      [{}, 2, undefined],
      [{ cleanStart: true, sessionExpirySeconds: 60 }, 2, [60]],
      [{ cleanStart: false }, 0, undefined],
      [lasting, 0, [3600]],
      [{ cleanStart: false, sessionExpirySeconds: 0xffff_ffff }, 0, [0xffff_ffff]],
    ] as const;
    for (const [options, clean, expiry] of cases) {
      const { flags, properties } = new Conversation(version, options).start().connect;
      equal([flags & 2, properties.get(17)], [clean, version === 5 ? expiry : undefined]);
    }
  },
);

inBoth("3.1.2-14", "3.1.2-12", "the will's QoS is 0, 1 or 2", (version) => {
  for (const qos of [0, 1, 2] as const) {
    const { flags } = new Conversation(version, { will: { ...will, qos, retain: false } }).start().connect;
    equal(flags & 0b0011_1100, 0b100 | (qos << 3));
  }
  for (const qos of [3, -1, 1.5])
    throws(() => new Conversation(version, { will: { ...will, qos: qos as 2 } }).start(), RangeError, /qos/);
});

inBoth(
  "3.1.2-18 3.1.2-19 3.1.2-20 3.1.2-21",
  "3.1.2-16 3.1.2-17 3.1.2-18 3.1.2-19",
  "user name and password are there exactly when their flags are, even if empty",
  (version) => {
    const cases = [
      [{}, 0, undefined, undefined],
      [{ userName: "u" }, 0x80, "u", undefined],
      [{ userName: "" }, 0x80, "", undefined],
      [{ userName: "u", password: fromHex("00") }, 0xc0, "u", "00"],
      [{ userName: "", password: fromHex("") }, 0xc0, "", ""],
    ] as const;
    for (const [options, flags, userName, password] of cases) {
      const { connect } = new Conversation(version, options).start();
      equal([connect.flags & 0xc0, connect.userName, connect.password], [flags, userName, password]);
    }
  },
);

only311("3.1.2-22", "no password without a user name", () => {
  throws(() => new Conversation(4, { password: fromHex("00") }).start(), RangeError, /user name/);
  new Conversation(4, { password: fromHex("00"), userName: "" }).start().sees("CONNECT");
});

inBoth(
  "3.1.3-4 3.1.3-10 3.1.3-11",
  "3.1.3-4 3.1.3-11 3.1.3-12",
  "client identifier, will topic and user name are UTF-8 strings or nothing is sent",
  (version) => {
    const places = {
      "client id": (text: string) => ({ clientId: text }),
      topic: (text: string) => ({ will: { ...will, topic: text } }),
      "user name": (text: string) => ({ userName: text }),
    };
    for (const [what, options] of Object.entries(places)) {
      const make = (text: string) => new Conversation(version, options(text)).start();
      for (const text of ["a\u0000", "\ud800", "\udc00\ud800"])
        throws(() => make(text), RangeError, new RegExp(what));
      const clef = make("\u{1d11e}").connect;
      ok([clef.clientId, clef.will?.topic, clef.userName].includes("\u{1d11e}"), what);
      if (!hasRoom) continue;
      throws(() => make("€".repeat(21846)), RangeError, new RegExp(what));
      const longest = "€".repeat(21845);
      const { connect } = make(longest);
      ok([connect.clientId, connect.will?.topic, connect.userName].includes(longest), what);
    }
  },
);

only311("3.1.3-7", "an empty client identifier only with clean session 1", () => {
  throws(() => new Conversation(4, { clientId: "", cleanStart: false }).start(), RangeError, /client id/);
  const { flags, clientId } = new Conversation(4, { clientId: "" }).start().connect;
  equal([flags & 2, clientId], [2, ""]);
});

only5("3.1.2-28", "response information comes when it was asked for", () => {
  equal(new Conversation(5).start().connect.properties.get(25), undefined);
  const asked = new Conversation(5, { requestResponseInformation: true }).start();
  equal(asked.connect.properties.get(25), [1]);
  asked.receive(connack(5, { properties: "1a000172" }));
  const [effect] = asked.all.slice(-1);
  equal(effect?.type === "connected" && effect.responseInformation, "r");
});
