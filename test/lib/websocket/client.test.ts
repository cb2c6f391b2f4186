import { createWebSocket, step } from "../../../lib/websocket/client.js";
import { makeRequest } from "../../../lib/websocket/request.js";
import { equal, fromHex, hex, ok, test, throws } from "../../device/harness.js";
import {
  answerOf,
  ascii,
  closing,
  goodLines,
  mask,
  opened,
  opening,
  options,
  Script,
  serverFrame,
} from "./script.js";

test("what the caller must not ask throws, and the state stands", () => {
  const socket = createWebSocket(options);
  const bytes = fromHex("c000");
  throws(() => step(socket, { type: "received", bytes, mask }), RangeError, /before start/);
  throws(() => step(socket, { type: "send", bytes, mask }), RangeError, /while idle/);
  const { state } = step(socket, { type: "start" });
  throws(() => step(state, { type: "start" }), RangeError, /while opening/);
  throws(() => step(state, { type: "send", bytes, mask }), RangeError, /while opening/);
  const script = opened();
  throws(() => script.do({ type: "send", bytes, mask: fromHex("000000") }), RangeError, /4 bytes/);
  throws(() => script.do({ type: "send", bytes, mask: fromHex("0000000000") }), RangeError, /4 bytes/);
  throws(() => script.do({ type: "send", bytes, mask: "mask" as unknown as Uint8Array }), TypeError, /bytes/);
  script.send(bytes);
  equal(script.state.at, "open");
});

test("from the request to the first frames, and each event in its place", () => {
  const script = new Script().do({ type: "start" });
  equal(script.all, [`send ${hex(makeRequest(options).bytes)}`]);
  equal(script.state, opening().state);
  script.receive(answerOf(...goodLines));
  equal(script.all.slice(1), ["open"]);
  equal(script.state, opened().state);
});

test("close sends a CLOSE when the WebSocket is open, and is final", () => {
  opened().do({ type: "close", mask }).expect(closing(1000), "closed");
  opening().do({ type: "close", mask }).expect("closed");
  new Script().do({ type: "close", mask }).expect("closed");
  const script = opened().do({ type: "close", mask }).expect(closing(1000), "closed");
  script.do({ type: "close", mask }).do({ type: "transport-closed" }).receive("8201aa").expect();
  throws(() => script.send(fromHex("c000")), RangeError, /while ended/);
  throws(() => script.do({ type: "start" }), RangeError, /while ended/);
});

test("a connection that ends without a CLOSE", () => {
  opened().do({ type: "transport-closed" }).expect("failed connection-lost 1006", "closed").says("without");
  opening().do({ type: "transport-closed" }).expect("failed connection-lost 0", "closed").says("before");
});

function closeOf(code: number, reason: Uint8Array = new Uint8Array(0)): Uint8Array {
  const payload = new Uint8Array(2 + reason.length);
  payload.set([code >> 8, code & 255]);
  payload.set(reason, 2);
  return serverFrame(8, payload);
}

test("the server's CLOSE is answered with its code, and named", () => {
  const names: Readonly<Record<number, string>> = {
    1000: "normal closure (1000)",
    1001: "going away (1001)",
    1002: "protocol error (1002)",
    1003: "unsupported data (1003)",
    1007: "invalid payload data (1007)",
    1008: "policy violation (1008)",
    1009: "message too big (1009)",
    1010: "an extension is missing (1010)",
    1011: "internal error (1011)",
    1012: "service restart (1012)",
    1013: "try again later (1013)",
    1014: "bad gateway (1014)",
    3000: "code 3000",
    4999: "code 4999",
  };
  for (const [name, words] of Object.entries(names)) {
    const code = Number(name);
    const script = opened().receive(closeOf(code));
    script.expect(closing(code), `failed connection-lost ${code}`, "closed").says(words);
    opened().receiveBytewise(closeOf(code)).expect(closing(code), `failed connection-lost ${code}`, "closed");
  }
});

test("a CLOSE without a code is answered without one", () => {
  opened()
    .receive("8800")
    .expect(`send 8880${hex(mask)}`, "failed connection-lost 1005", "closed")
    .says("no reason");
});

test("close codes that are never sent", () => {
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])
    opened()
      .receive(closeOf(code))
      .expect(closing(1002), "failed protocol-error 1002", "closed")
      .says(`${code}`);
});

test("the server's reason in printable ASCII, whatever it is", () => {
  opened()
    .receive(closeOf(1001, ascii("restarting")))
    .says("going away (1001): restarting");
  opened()
    .receive(closeOf(1001, fromHex("61001b5bc3a462207e7f")))
    .says("(1001): a??[??b ~?");
  opened()
    .receive(closeOf(1001, ascii("x")))
    .says("(1001): x");
  opened()
    .receive(closeOf(1001, new Uint8Array(123).fill(0x61)))
    .says("a".repeat(123));
});

test("a close reason that is not UTF-8", () => {
  for (const [bad, good] of [
    ["c328", "c3a4"],
    ["ff", "7f"],
    ["eda080", "ed9fbf"],
    ["f0808080", "f0908080"],
  ] as const) {
    const broken = opened().receive(closeOf(1000, fromHex(bad)));
    broken.expect(closing(1007), "failed protocol-error 1007", "closed").says("UTF-8");
    opened()
      .receive(closeOf(1000, fromHex(good)))
      .expect(closing(1000), "failed connection-lost 1000", "closed");
  }
});

test("what comes with a CLOSE is handed on, and what follows it is not; a PING before it needs no answer", () => {
  const all = `8201aa8900${hex(closeOf(1000))}8201bb`;
  opened().receive(all).expect("data aa", closing(1000), "failed connection-lost 1000", "closed");
});

const outcomes =
  /^(open|(data|pong|send) [0-9a-f]*|failed (protocol-error|broker-refused|connection-lost) \d+|closed)$/;

/** An answer and every kind of frame. */
function session(): Uint8Array {
  const answer = answerOf(...goodLines);
  const empty = "00".repeat(128);
  const frames = fromHex(`0202d000890331323300008002d0008a0134827e0080${empty}`);
  const close = closeOf(1001, ascii("bye"));
  const bytes = new Uint8Array(answer.length + frames.length + close.length);
  bytes.set(answer);
  bytes.set(frames, answer.length);
  bytes.set(close, answer.length + frames.length);
  return bytes;
}

/** All data in one, as pieces are a matter of arrival; PINGs that arrive apart are answered apart. */
function stream(lines: readonly string[]): string {
  let data = "";
  const others: string[] = [];
  for (const one of lines)
    if (one.startsWith("data ")) data += one.slice(5);
    else if (!one.startsWith("pong ")) others.push(one);
  return `${data} ${others}`;
}

test("a whole session is the same however it arrives", () => {
  const bytes = session();
  const whole = stream(opening().receive(bytes).all);
  ok(
    whole.startsWith(`d000d000${"00".repeat(128)} `) && whole.endsWith("failed connection-lost 1001,closed"),
    whole,
  );
  equal(stream(opening().receiveBytewise(bytes).all), whole);
  for (let cut = 1; cut < bytes.length; cut++)
    equal(
      stream(opening().receive(bytes.subarray(0, cut)).receive(bytes.subarray(cut)).all),
      whole,
      `cut at ${cut}`,
    );
});

test("a session cut short anywhere ends when the connection does", () => {
  const bytes = session();
  for (let length = 0; length < bytes.length; length++) {
    const script = opening().receive(bytes.subarray(0, length)).do({ type: "transport-closed" });
    ok(/^failed connection-lost (0|1006)$/.test(script.all.at(-2)!), script.all.at(-2)!);
    equal(script.all.at(-1), "closed");
  }
});

test("a session with any bit flipped gives effects of the closed set", () => {
  const bytes = session().subarray(answerOf(...goodLines).length);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    const script = opened().receive(flipped);
    for (const one of script.all) ok(outcomes.test(one), `bit ${bit} → ${one}`);
    if (script.all.some((one) => one.startsWith("failed"))) equal(script.all.at(-1), "closed");
    const halves = opened().receive(flipped.subarray(0, 9)).receive(flipped.subarray(9));
    equal(stream(halves.all), stream(script.all), `bit ${bit} in two`);
  }
});
