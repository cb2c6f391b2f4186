/** Strings and numbers on the wire: §1.5 of both standards. */
import { equal, fromHex, hex, ok, throws } from "../../../device/harness.js";
import { byte, packet, publish, suback, two, unsuback } from "./broker-packets.js";
import type { Version } from "./brokers-eye.js";
import { Conversation, closing, inBoth, online, only5 } from "./conversation.js";

/** Each with a well-formed neighbour. */
const illFormed = {
  "a lone surrogate": ["eda080", "ed9fbf"],
  "a surrogate pair": ["eda081edb080", "f0908080"],
  "a longer form than needed": ["c1bf", "c280"],
  "beyond U+10FFFF": ["f4908080", "f48fbfbf"],
  "a cut-off character": ["e282", "e282ac"],
  "a lone continuation": ["bf", "c2bf"],
  "U+0000": ["00", "01"],
} as const;

function publishTo(version: Version, topicHex: string): string {
  return packet(0x30, two(topicHex.length / 2) + topicHex + (version === 5 ? "00" : ""));
}

inBoth(
  "1.5.3-1 1.5.3-2",
  "1.5.4-1 1.5.4-2",
  "a string that is not well-formed closes the connection",
  (version) => {
    for (const [wrong, right] of Object.values(illFormed)) {
      online(version)
        .receive(publishTo(version, `61${wrong}`))
        .sees(...closing(version, 129));
      const script = online(version).receive(publishTo(version, `61${right}`));
      script.sees().skip();
      equal(script.state.at, "connected");
    }
  },
);

only5(
  "1.5.4-1 1.5.4-2 1.5.7-1 3.3.2-13 3.3.2-19",
  "the same in every string property, and in both of a pair",
  () => {
    const places = [
      (text: string) => `03${two(text.length / 2)}${text}`,
      (text: string) => `08${two(text.length / 2)}${text}`,
      (text: string) => `26${two(text.length / 2)}${text}000161`,
      (text: string) => `26000161${two(text.length / 2)}${text}`,
    ];
    for (const place of places)
      for (const [wrong, right] of Object.values(illFormed)) {
        online(5)
          .receive(publish(5, { properties: place(wrong) }))
          .sees("DISCONNECT 129", "closed");
        online(5)
          .receive(publish(5, { properties: place(right) }))
          .sees();
      }
  },
);

inBoth(
  "1.5.3-1 1.5.3-2",
  "1.5.4-1 1.5.4-2",
  "nothing goes out with a string that is not well-formed",
  (version) => {
    const script = online(version);
    for (const text of ["\ud834", "\udd1e\ud834", "a\u0000"]) {
      throws(() => script.publish({ topic: text }), RangeError, /topic/);
      const subscriptions = [{ filter: text, qos: 0 }] as const;
      throws(() => script.do({ type: "subscribe", subscriptions, token: 1 }), RangeError, /filter/);
      throws(() => script.do({ type: "unsubscribe", filters: [text], token: 1 }), RangeError, /filter/);
    }
    script.sees().publish({ topic: "\ud834\udd1e", qos: 0 });
    equal(script.last().line, "PUBLISH QoS0 \u{1d11e} 6869");
  },
);

only5("1.5.4-1 1.5.7-1 3.3.2-13 3.3.2-19", "nor with such a property", () => {
  const script = online(5);
  for (const text of ["\ud834", "a\u0000"]) {
    throws(() => script.publish({ contentType: text }), RangeError, /contentType/);
    throws(() => script.publish({ responseTopic: text }), RangeError, /topic/i);
    throws(() => script.publish({ userProperties: [[text, "v"]] }), RangeError, /user property/);
    throws(() => script.publish({ userProperties: [["n", text]] }), RangeError, /user property/);
    throws(() => new Conversation(5, { userProperties: [["n", text]] }).start(), RangeError, /user property/);
  }
  script
    .sees()
    .publish({ qos: 0, contentType: "€", responseTopic: "r/€", userProperties: [["€", "\u{1d11e}"]] });
  const { properties } = script.last();
  equal(
    [3, 8, 38].map((id) => properties.get(id)?.[0]),
    ["€", "r/€", ["€", "\u{1d11e}"]],
  );
});

inBoth("1.5.3-3", "1.5.4-3", "U+FEFF stays where it is, in both directions", (version) => {
  const script = online(version).receive(publishTo(version, "efbbbf61")).tells("message \ufeffa  q0");
  script.publish({ topic: "\ufeff", qos: 0 });
  ok(script.last().line.includes(" \ufeff "), script.last().line);
  equal(new Conversation(version, { clientId: "\ufeffd" }).start().connect.clientId, "\ufeffd");
});

only5("1.5.5-1", "lengths go out in their shortest form", () => {
  // The broker's eye takes no other; these are around where a byte is added.
  for (const size of [110, 120, 121, 122, 123, 124]) {
    const script = online(5).publish({ qos: 0, payload: new Uint8Array(size) });
    equal(script.last().line.length, "PUBLISH QoS0 a/b ".length + 2 * size);
  }
  const headers = { 16377: "30ff7f00", 16378: "30808001" };
  for (const [size, header] of Object.entries(headers)) {
    const script = online(5).publish({ qos: 0, payload: new Uint8Array(Number(size)) });
    const effect = script.all.find((one) => one.type === "send" && one.bytes[0] === 0x30);
    ok(effect?.type === "send" && hex(effect.bytes.subarray(0, 4)) === header, `${size}`);
  }
  for (const size of [121, 122, 123, 124, 125, 126, 127]) {
    const script = online(5).publish({ qos: 0, contentType: "t".repeat(size) });
    equal(script.last().properties.get(3), ["t".repeat(size)]);
  }
  for (const identifier of [1, 127, 128, 16383, 16384, 268_435_455]) {
    const subscriptions = [{ filter: "a", qos: 0 }] as const;
    const script = online(5).do({ type: "subscribe", subscriptions, token: 1, identifier });
    equal(script.last().properties.get(11), [identifier]);
  }
});

only5("1.5.5-1", "a length that is longer than it need be closes the connection", () => {
  const malformed = ["DISCONNECT 129", "closed"];
  online(5)
    .receive("3085000001610030")
    .sees(...malformed);
  online(5).receive("30050001610030").sees();
  online(5)
    .receive("300600016180007a")
    .sees(...malformed);
  online(5)
    .receive("30060001610b8000")
    .sees(...malformed);
  online(5)
    .receive(publish(5, { properties: "0b8100" }))
    .sees(...malformed);
  online(5)
    .receive(publish(5, { properties: "0b8101" }))
    .sees();
});

inBoth("2.2.2-2", "2.1.3-1", "other low bits than its type has close the connection", (version) => {
  const types = { 2: 0, 4: 0, 5: 0, 6: 2, 7: 0, 9: 0, 11: 0, 13: 0, ...(version === 5 && { 14: 0, 15: 0 }) };
  for (const [type, right] of Object.entries(types))
    for (let low = 0; low < 16; low++)
      if (low !== right) {
        const first = byte(Number(type) * 16 + low);
        online(version)
          .receive(`${first}020001`)
          .sees(...closing(version, 129));
      }
});

inBoth("2.2.2-1", "2.1.3-1 2.2.2-1", "what a client sends has its reserved bits as listed", (version) => {
  const script = online(version, {
    keepAliveSeconds: 10,
    will: { topic: "w", payload: fromHex(""), qos: 1, retain: true },
  });
  script.publish({ qos: 2 }, 1).receive("50020001").receive("70020001");
  script.do({ type: "subscribe", subscriptions: [{ filter: "c/d", qos: 2 }], token: 2 });
  script.receive(suback(version, 2, 2));
  script.do({ type: "unsubscribe", filters: ["c/d"], token: 3 }).receive(unsuback(version, 3, 0));
  script.receive(publish(version, { qos: 1, packetId: 1 }));
  script.receive(publish(version, { qos: 2, packetId: 2 })).receive("62020002");
  script.at(10_000).do({ type: "disconnect" });
  const bytes = script.all.filter((one) => one.type === "send").map((one) => hex(one.bytes));
  equal(
    bytes.map((one) => one.slice(0, 2)),
    ["10", "34", "62", "82", "a2", "40", "50", "70", "c0", "e0"],
  );
});
