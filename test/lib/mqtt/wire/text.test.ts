import { isText, textBytes, writeText } from "../../../../lib/mqtt/wire/text.js";
import { bytes, equal, fromHex, test, throws } from "../../../device/harness.js";

function valid(text: string): boolean {
  const data = fromHex(text);
  return isText(data, 0, data.length);
}

test("text is measured and written as UTF-8 of one to four bytes", () => {
  const text = "aß€𝄞";
  const target = new Uint8Array(12);
  equal(textBytes(text, "text"), 10);
  equal(writeText(text, target, 1), 11);
  bytes(target, "0061c39fe282acf09d849e00");
});

test("the first and the last characters of each length", () => {
  const target = new Uint8Array(19);
  const text = "\u007f\u0080\u07ff\u0800\uffff\u{10000}\u0001";
  equal(textBytes(text, "text"), 1 + 2 + 2 + 3 + 3 + 4 + 1);
  equal(writeText(text, target, 0), 16);
  bytes(target.subarray(0, 16), "7fc280dfbfe0a080efbfbff090808001");
  equal(valid("7fc280dfbfe0a080efbfbff090808001"), true);
});

test("U+0000 and lone surrogates are refused [MQTT-1.5.4-1, MQTT-1.5.4-2]", () => {
  throws(() => textBytes("a\u0000", "topic"), RangeError, /U\+0000/);
  throws(() => textBytes("a\ud800", "topic"), RangeError, /surrogate/);
  throws(() => textBytes("\udfffa", "topic"), RangeError, /surrogate/);
  equal(textBytes("a\u0001\ud7ff\ue000\ufeff", "topic"), 11);
});

test("received text must be well-formed UTF-8 without U+0000 (RFC 3629 §4)", () => {
  const good = ["", "61", "c280", "dfbf", "e0a080", "ed9fbf", "ee8080", "efbfbf", "f0908080", "f48fbfbf"];
  const bad = [
    "00",
    "80",
    "bf",
    "c080",
    "c1bf",
    "c2",
    "c241",
    "c2c0",
    "e08080",
    "e09fbf",
    "e0a0",
    "eda080",
    "edbfbf",
    "efbf",
    "efbf7f",
    "f0808080",
    "f08fbfbf",
    "f0908041",
    "f4908080",
    "f5808080",
    "ff",
  ];
  for (const text of good) equal(valid(text), true, text);
  for (const text of bad) equal(valid(text), false, text);
});
