/** The codes of each packet (MQTT 5 chapter 3), through the decoder: all 256 of them. */
import { decode } from "../../../../lib/mqtt/wire/decode.js";
import { connackReason, describeReason, reasonName } from "../../../../lib/mqtt/wire/reason-codes.js";
import { equal, fromHex, test } from "../../../device/harness.js";

function acceptedCodes(before: string, after: string, version: 4 | 5): string {
  const accepted: string[] = [];
  for (let code = 0; code < 256; code++) {
    const text = code.toString(16).padStart(2, "0");
    const result = decode(fromHex(`${before}${text}${after}`), version);
    if ("type" in result) accepted.push(text);
    else equal(result.code, 0x81, text);
  }
  return accepted.join(" ");
}

const tables: [name: string, before: string, after: string, codes: string][] = [
  ["CONNACK (§3.2.2.2)", "200300", "00", "00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f"],
  ["PUBACK (table 3-4)", "40030001", "", "00 10 80 83 87 90 91 97 99"],
  ["PUBREC (table 3-5)", "50030001", "", "00 10 80 83 87 90 91 97 99"],
  ["PUBREL (table 3-6)", "62030001", "", "00 92"],
  ["PUBCOMP (table 3-7)", "70030001", "", "00 92"],
  ["SUBACK (table 3-8)", "9005000100" + "00", "", "00 01 02 80 83 87 8f 91 97 9e a1 a2"],
  ["UNSUBACK (table 3-9)", "b004000100", "", "00 11 80 83 87 8f 91"],
  // Table 2-6 has 8c for DISCONNECT, table 3-10 has not.
  [
    "DISCONNECT of a broker (tables 3-10, 2-6)",
    "e001",
    "",
    "00 80 81 82 83 87 89 8b 8c 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1 a2",
  ],
  ["AUTH of a broker (table 3-11)", "f006", "041500016d", "00 18"],
];

for (const [name, before, after, codes] of tables)
  test(`${name}: these codes and no others`, () => equal(acceptedCodes(before, after, 5), codes));

test("SUBACK of 3.1.1 grants QoS 0 to 2 or fails with 0x80 (§3.9.3)", () =>
  equal(acceptedCodes("90030001", "", 4), "00 01 02 80"));

test("CONNACK of 3.1.1 has codes 0 to 5 (§3.2.2.3)", () => {
  equal(acceptedCodes("200200", "", 4), "00 01 02 03 04 05");
  equal(
    [0, 1, 2, 3, 4, 5].map((code) => connackReason(4, code)),
    [0, 132, 133, 136, 134, 135],
  );
});

test("every code a broker may send has the standard's name", () => {
  for (const [, , , codes] of tables)
    for (const code of codes.split(" ")) {
      const number = Number.parseInt(code, 16);
      equal(reasonName(number).startsWith("reason "), false, code);
    }
  equal(reasonName(0x7f), "reason 127");
});

test("one line says the name, the code as sent, what to do, and the broker's words", () => {
  equal(
    describeReason(0x87, 5),
    "not authorized (5): check credentials, client certificate and the broker's access list",
  );
  equal(describeReason(0x80, 0x80, "no"), 'unspecified error (128) ("no")');
});

test("a broker's words cannot break a log's line", () => {
  equal(describeReason(0x80, 0x80, "a\n\u001b ~\u007fä"), 'unspecified error (128) ("a?? ~??")');
  const long = describeReason(0x80, 0x80, "x".repeat(81));
  equal(long, `unspecified error (128) ("${"x".repeat(80)}")`);
});
