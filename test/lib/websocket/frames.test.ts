import { encodeFrame, opcodes } from "../../../lib/websocket/frames.js";
import { bytes, equal, fromHex, hex, ok, test } from "../../device/harness.js";
import { ascii, closing, mask, opened, serverFrame } from "./script.js";

test("the masked text message and PONG of RFC 6455 §5.7", () => {
  bytes(encodeFrame(opcodes.text, ascii("Hello"), mask), "818537fa213d7f9f4d5158");
  bytes(encodeFrame(opcodes.pong, ascii("Hello"), mask), "8a8537fa213d7f9f4d5158");
});

test("the client's frames are final, masked, and as long as they say in the shortest form", () => {
  const zero = new Uint8Array(4);
  const header = (length: number) =>
    hex(encodeFrame(opcodes.binary, new Uint8Array(length), zero).subarray(0, 14));
  equal(header(0), "828000000000");
  equal(header(125).slice(0, 12), "82fd00000000");
  equal(header(126).slice(0, 16), "82fe007e00000000");
  equal(header(0x1234).slice(0, 16), "82fe123400000000");
});

test("one write is one binary frame, with the mask of its own", () => {
  const script = opened().send(ascii("Hello")).expect("send 828537fa213d7f9f4d5158");
  script
    .do({ type: "send", bytes: fromHex("c000"), mask: fromHex("00ff0000") })
    .expect("send 828200ff0000c0ff");
  const payload = fromHex("c000");
  script.send(payload);
  bytes(payload, "c000", "the caller's bytes");
});

test("the fragments, PING, 256 and 65536 bytes of RFC 6455 §5.7, as binary", () => {
  opened().receive("020348656c80026c6f").expect("data 48656c6c6f");
  opened().receive("020348656c").expect("data 48656c").receive("80026c6f").expect("data 6c6f");
  opened().receive("890548656c6c6f").expect("pong 8a8537fa213d7f9f4d5158");
  opened()
    .receive(`827e0100${"a5".repeat(256)}`)
    .expect(`data ${"a5".repeat(256)}`);
  opened().receive("827f0000000000010000a5").expect("data a5");
});

test("payload is handed on as it comes; a packet may span frames and frames may span packets [MQTT-6.0.0-2]", () => {
  opened().receive("8206d000d0").expect("data d000d0").receive("00d000").expect("data 00d000");
  opened().receive("8201d0820300d000").expect("data d000d000");
  opened().receive("82008201").expect().receive("d0").expect("data d0");
});

test("a frame of any length takes no memory: the longest that can be counted", () => {
  const script = opened().receive("827f001fffffffffffff").expect();
  for (let i = 0; i < 10; i++) script.receive("aabb").expect("data aabb");
  for (const tooLong of ["0020000000000000", "0100000000000000", "7fffffffffffffff"])
    opened().receive(`827f${tooLong}`).expect(closing(1009), "failed protocol-error 1009", "closed");
});

test("many small frames at once are few effects", () => {
  let frames = "";
  for (let i = 0; i < 100; i++) frames += "0201aa" + "8900" + "8001bb";
  opened()
    .receive(frames)
    .expect(`data ${"aabb".repeat(100)}`, "pong 8a8037fa213d");
});

test("of several PINGs in one piece the last is answered (RFC 6455 §5.5.3)", () => {
  opened()
    .receive("8901308901318a0132")
    .expect(`pong 8a8137fa213d${hex(Uint8Array.of(0x31 ^ 0x37))}`);
  opened().receive("8a00").expect();
});

test("control frames may come between fragments", () => {
  opened()
    .receive("0201aa" + "8900" + "0001bb" + "8a0133" + "8001cc")
    .expect("data aabbcc", "pong 8a8037fa213d");
});

/** What is refused, and with which code; then what is accepted one byte away. */
const hostile: readonly (readonly [string, number, string, string])[] = [
  ["818568656c6c6f", 1003, "text frame", "820568656c6c6f"], // [MQTT-6.0.0-1]
  ["0101aa", 1003, "text frame", "0201aa"],
  ["c200", 1002, "reserved bit", "8200"],
  ["a200", 1002, "reserved bit", "8200"],
  ["9200", 1002, "reserved bit", "8200"],
  ["8300", 1002, "opcode 3", "8200"],
  ["8700", 1002, "opcode 7", "8200"],
  ["8b00", 1002, "opcode 11", "8a00"],
  ["8f00", 1002, "opcode 15", "8a00"],
  ["8000", 1002, "continuation of nothing", "8200"],
  ["0000", 1002, "continuation of nothing", "0200"],
  ["02008200", 1002, "before the end of the last", "02008000"],
  ["02008100", 1002, "before the end of the last", "02000000"],
  ["020080008000", 1002, "continuation of nothing", "020080008200"],
  ["8280", 1002, "masked", "8200"],
  ["828137fa213d00", 1002, "masked", "8201"],
  ["898037fa213d", 1002, "masked", "8900"],
  ["0900", 1002, "in parts", "8a00"],
  ["0800", 1002, "in parts", "8a00"],
  ["0a00", 1002, "in parts", "8a00"],
  ["8a7e007e", 1002, "more than 125", "8a7d"],
  ["897f", 1002, "more than 125", "897d"],
  ["887e", 1002, "more than 125", "887d"],
  ["880103", 1002, "one byte", "8802"],
  ["827e007d", 1002, "shortest form", "827e007e"],
  ["827e0000", 1002, "shortest form", "827e0100"],
  ["827f000000000000ffff", 1002, "shortest form", "827f0000000000010000"],
  ["827f8000000000010000", 1002, "63 bits", "827f0000000000010000"],
];

test("frames that a server must not send, each beside one that it may", () => {
  for (const [frame, code, words, fine] of hostile) {
    opened().receive(frame).expect(closing(code), `failed protocol-error ${code}`, "closed").says(words);
    const script = opened().receiveBytewise(fromHex(frame)).says(words);
    equal(script.all.at(-1), "closed");
    equal(opened().receive(fine).state.at, "open", fine);
  }
});

test("what stood before a broken frame is handed on, and what stands after it is not", () => {
  opened()
    .receive("8201aa" + "8300" + "8201bb")
    .expect("data aa", closing(1002), "failed protocol-error 1002", "closed");
});

test("a control frame's payload of 125 bytes, in parts", () => {
  const ping = serverFrame(opcodes.ping, new Uint8Array(125).fill(7));
  const script = opened().receiveBytewise(ping);
  ok(script.all.at(-1)!.startsWith("pong 8afd37fa213d"), script.all.at(-1)!);
  equal(script.all.length, opened().receive(ping).all.length);
});
