/** Enhanced authentication: §3.15 and §4.12 of MQTT 5. */
import { keep } from "../../../../lib/mqtt/session.js";
import { equal, fromHex, ok, throws } from "../../../device/harness.js";
import { auth, connack, disconnect, packet, publish } from "./broker-packets.js";
import { Conversation, lasting, online, only5 } from "./conversation.js";

const authentication = { method: "M", data: fromHex("01") };
const accepted = "1500014d";

function begin(options: object = {}): Conversation {
  return new Conversation(5, { authentication, ...options }).start();
}

function authenticate(script: Conversation, data?: string): Conversation {
  return script.do({ type: "authenticate", data: data === undefined ? undefined : fromHex(data) });
}

only5(
  "3.1.2-30",
  "with an authentication method nothing but AUTH and DISCONNECT goes out before CONNACK",
  () => {
    const subscriptions = [{ filter: "a", qos: 0 }] as const;
    // All that a session would otherwise send at once: its subscriptions, messages, old ones again, pings.
    const first = online(5, { ...lasting, subscriptions, pipelining: false }).publish({}, 1);
    first.do({ type: "transport-closed" });
    for (const kept of [undefined, keep(first.state)]) {
      const options = { ...lasting, authentication, subscriptions, keepAliveSeconds: 1 };
      const script = new Conversation(5, options, kept).start().sees("CONNECT");
      equal([script.connect.properties.get(21), script.connect.properties.get(22)], [["M"], ["01"]]);
      for (const qos of [0, 1, 2] as const) {
        try {
          script.publish({ qos }, 1);
        } catch (error) {
          ok(error instanceof RangeError, String(error));
        }
      }
      script
        .at(5_000)
        .sees()
        .receive(auth(24, "M", "02"));
      authenticate(script, "03").at(8_000).sees("AUTH 24");
      script.do({ type: "disconnect" }).sees("DISCONNECT", "closed");
    }
  },
);

only5("4.12.0-3 3.15.2-1", "AUTH answers AUTH, with 0x18, as often as the broker asks", () => {
  const script = begin().skip();
  for (const data of ["aa", "bb", "cc"]) {
    script
      .receive(auth(24, "M", data))
      .sees()
      .tells(`challenge ${data}`);
    authenticate(script, `${data}01`).sees("AUTH 24");
    equal([script.last().properties.get(21), script.last().properties.get(22)], [["M"], [`${data}01`]]);
    throws(() => authenticate(script), RangeError);
  }
  script
    .receive(connack(5, { properties: `${accepted}160002ffee` }))
    .tells("authenticated ffee", "connected");
});

only5("4.12.0-5", "every AUTH has CONNECT's method, and so must the broker's AUTH and CONNACK", () => {
  const script = begin().receive(auth(24, "M", "aa"));
  equal(authenticate(script).last().properties.get(21), ["M"]);
  for (const method of ["N", "m", "MM", ""])
    begin()
      .skip()
      .receive(auth(24, method, "aa"))
      .sees("DISCONNECT 130", "closed");
  begin().skip().receive(packet(0xf0, "1800")).sees("DISCONNECT 130", "closed");
  for (const properties of ["", "1500014e"])
    begin().skip().receive(connack(5, { properties })).sees("DISCONNECT 130", "closed");
  begin()
    .skip()
    .receive(connack(5, { properties: accepted }))
    .sees();
  // A refusal need not name it.
  begin()
    .skip()
    .receive(connack(5, { code: 135 }))
    .sees("closed")
    .tells("failed broker-refused 135");
});

only5("4.12.0-7", "without an authentication method in CONNECT the client sends no AUTH", () => {
  const script = online(5);
  throws(() => authenticate(script), RangeError, /authentication method/);
  throws(() => authenticate(new Conversation(5).start()), RangeError, /authentication method/);
  script.sees();
  throws(() => new Conversation(4, { authentication }), RangeError, /MQTT 5/);
});

only5(
  "4.12.1-1 3.15.2-1",
  "re-authentication: AUTH with 0x19 and CONNECT's method, once CONNACK has come",
  () => {
    throws(() => authenticate(begin()), RangeError);
    const script = begin()
      .receive(connack(5, { properties: accepted }))
      .skip();
    authenticate(script, "05").sees("AUTH 25");
    equal([script.last().properties.get(21), script.last().properties.get(22)], [["M"], ["05"]]);
    throws(() => authenticate(script), RangeError);
    // The session goes on meanwhile.
    script
      .publish({}, 1)
      .sees("PUBLISH QoS1 #1 a/b 6869")
      .receive(publish(5, { qos: 1 }))
      .sees("PUBACK #1");
    script.receive(auth(24, "M", "06")).skip();
    authenticate(script).sees("AUTH 24").receive(auth(0, "M")).tells("authenticated -");
    authenticate(script).sees("AUTH 25");
  },
);

only5(
  "4.12.1-2",
  "when re-authentication fails the client closes, with DISCONNECT if the fault is the broker's",
  () => {
    const again = () => authenticate(begin().receive(connack(5, { properties: accepted }))).skip();
    again().receive(disconnect(135)).sees("closed").tells("failed broker-refused 135");
    again().receive(auth(0, "N")).sees("DISCONNECT 130", "closed");
    again().receive(auth(25, "M")).sees("DISCONNECT 129", "closed");
    again().at(10_000).sees("closed").tells("failed deadline 0");
    again().do({ type: "disconnect" }).sees("DISCONNECT", "closed");
  },
);

only5("3.15.1-1", "AUTH with other low bits closes the connection", () => {
  const right = auth(24, "M");
  for (const low of "123456789abcdef")
    begin()
      .skip()
      .receive(`f${low}${right.slice(2)}`)
      .sees("DISCONNECT 129", "closed");
  begin().skip().receive(right).sees().tells("challenge -");
});

only5("3.15.2-1", "AUTH with a code that is not its own, or out of turn, closes the connection", () => {
  for (const code of [1, 23, 25, 26, 128, 135, 255])
    begin().skip().receive(auth(code, "M")).sees("DISCONNECT 129", "closed");
  begin().skip().receive(auth(0, "M")).sees("DISCONNECT 130", "closed");
  begin().receive(auth(24, "M")).skip().receive(auth(24, "M")).sees("DISCONNECT 130", "closed");
  const script = begin()
    .receive(connack(5, { properties: accepted }))
    .skip();
  script.receive(auth(0, "M")).sees("DISCONNECT 130", "closed");
});

only5("3.15.2-2 3.15.2-3", "the client's AUTH has no reason string and no user property", () => {
  const script = begin({ userProperties: [["a", "b"]] }).receive(auth(24, "M"));
  equal([...authenticate(script, "00").last().properties.keys()], [21, 22]);
  script.receive(connack(5, { properties: accepted }));
  equal([...authenticate(script).last().properties.keys()], [21]);
});
