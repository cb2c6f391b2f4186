/** Which property may be in which packet from a broker (MQTT 5 table 2-4), and what it may be, through the decoder. */
import { decode } from "../../../../lib/mqtt/wire/decode.js";
import { equal, fromHex, test } from "../../../device/harness.js";

const hex = (number: number) => number.toString(16).padStart(2, "0");
const sized = (text: string) => hex(text.length / 2) + text;

/** Every identifier there is, with a value. */
const values: Readonly<Record<string, string>> = {
  "01": "01",
  "02": "00000001",
  "03": "000161",
  "08": "000161",
  "09": "000161",
  "0b": "01",
  "11": "00000001",
  "12": "000161",
  "13": "0001",
  "15": "000161",
  "16": "000161",
  "17": "01",
  "18": "00000001",
  "19": "01",
  "1a": "000161",
  "1c": "000161",
  "1f": "000161",
  "21": "0001",
  "22": "0001",
  "23": "0001",
  "24": "01",
  "25": "01",
  "26": "000161000162",
  "27": "00000001",
  "28": "01",
  "29": "01",
  "2a": "01",
};

interface Kind {
  readonly name: string;
  readonly first: string;
  readonly before: string;
  readonly after: string;
  readonly allowed: string;
}

const kinds: readonly Kind[] = [
  {
    name: "CONNACK",
    first: "20",
    before: "0000",
    after: "",
    allowed: "11 12 13 15 16 1a 1c 1f 21 22 24 25 26 27 28 29 2a",
  },
  { name: "PUBLISH", first: "30", before: "000174", after: "", allowed: "01 02 03 08 09 0b 23 26" },
  { name: "PUBACK", first: "40", before: "000100", after: "", allowed: "1f 26" },
  { name: "PUBREC", first: "50", before: "000100", after: "", allowed: "1f 26" },
  { name: "PUBREL", first: "62", before: "000100", after: "", allowed: "1f 26" },
  { name: "PUBCOMP", first: "70", before: "000100", after: "", allowed: "1f 26" },
  { name: "SUBACK", first: "90", before: "0001", after: "00", allowed: "1f 26" },
  { name: "UNSUBACK", first: "b0", before: "0001", after: "00", allowed: "1f 26" },
  { name: "DISCONNECT", first: "e0", before: "00", after: "", allowed: "1c 1f 26" },
  { name: "AUTH", first: "f0", before: "00", after: "", allowed: "15 16 1f 26" },
];

function outcome({ first, before, after }: Kind, properties: string): number | "accepted" {
  const result = decode(fromHex(first + sized(before + sized(properties) + after)), 5);
  return "type" in result ? "accepted" : result.code;
}

/** AUTH must have a method, and data must have one in CONNACK too. */
function besides({ name }: Kind, id: string): string {
  return id !== "15" && (name === "AUTH" || (name === "CONNACK" && id === "16")) ? "15000161" : "";
}

for (const kind of kinds) {
  const allowed = kind.allowed.split(" ");

  test(`${kind.name} may have these properties and no others (table 2-4)`, () => {
    for (let number = 0; number < 256; number++) {
      const id = hex(number);
      const expected = allowed.includes(id) ? "accepted" : 0x81;
      equal(outcome(kind, `${id}${values[id] ?? "01"}${besides(kind, id)}`), expected, id);
    }
  });

  test(`${kind.name}: only user properties and subscription identifiers come twice`, () => {
    for (const id of allowed) {
      const one = `${id}${values[id]}`;
      const expected = id === "26" || id === "0b" ? "accepted" : 0x82;
      equal(outcome(kind, `${one}${one}${besides(kind, id)}`), expected, id);
    }
  });

  test(`${kind.name}: a property cut off is malformed`, () => {
    for (const id of allowed) {
      const whole = `${besides(kind, id)}${id}${values[id]}`;
      const start = besides(kind, id).length;
      equal(outcome(kind, whole), "accepted", id);
      for (let end = start + 2; end < whole.length; end += 2)
        equal(outcome(kind, whole.slice(0, end)), 0x81, whole.slice(0, end));
    }
  });
}

const [connack, publish] = kinds as [Kind, Kind];
const numbers: [kind: Kind, id: string, bytes: number][] = [
  [connack, "11", 4],
  [connack, "13", 2],
  [connack, "21", 2],
  [connack, "22", 2],
  [connack, "27", 4],
  [publish, "02", 4],
  [publish, "0b", 1],
  [publish, "23", 2],
];

test("0 is refused where the standard excludes it, and nowhere else", () => {
  const excluded: Readonly<Record<string, number>> = { "21": 0x82, "27": 0x82, "0b": 0x82, "23": 0x94 };
  for (const [kind, id, bytes] of numbers) {
    const zeros = "00".repeat(bytes);
    equal(outcome(kind, id + zeros), excluded[id] ?? "accepted", id);
    // The first byte counts as the last does.
    const last = bytes === 1 ? "7f" : `01${"00".repeat(bytes - 1)}`;
    equal(outcome(kind, id + last), "accepted", id);
  }
});

test("a flag is 0 or 1", () => {
  for (const [kind, id] of [
    [connack, "24"],
    [connack, "25"],
    [connack, "28"],
    [connack, "29"],
    [connack, "2a"],
    [publish, "01"],
  ] as const) {
    equal(outcome(kind, `${id}00`), "accepted", id);
    equal(outcome(kind, `${id}01`), "accepted", id);
    equal(outcome(kind, `${id}02`), 0x82, id);
    equal(outcome(kind, `${id}ff`), 0x82, id);
  }
});

test("text is well-formed in every property, binary data is not looked into", () => {
  for (const [kind, id] of [
    [connack, "12"],
    [connack, "15"],
    [connack, "1a"],
    [connack, "1c"],
    [connack, "1f"],
    [publish, "03"],
    [publish, "08"],
  ] as const) {
    equal(outcome(kind, `${id}0002c3a4`), "accepted", id);
    equal(outcome(kind, `${id}0002c3c4`), 0x81, id);
    equal(outcome(kind, `${id}00026100`), 0x81, id);
  }
  equal(outcome(connack, "26000161000162"), "accepted");
  equal(outcome(connack, "26000180000162"), 0x81);
  equal(outcome(connack, "26000161000180"), 0x81);
  equal(outcome(publish, "090002c3c4"), "accepted");
  equal(outcome(connack, "15000161160002c3c4"), "accepted");
});

test("variable byte integers are in their shortest form, at most four bytes [MQTT-1.5.5-1]", () => {
  for (const [value, expected] of [
    ["7f", "accepted"],
    ["8001", "accepted"],
    ["ff7f", "accepted"],
    ["80808001", "accepted"],
    ["ffffff7f", "accepted"],
    ["8000", 0x81],
    ["ff00", 0x81],
    ["80808000", 0x81],
    ["8080808001", 0x81],
    ["80", 0x81],
  ] as const)
    equal(outcome(publish, `0b${value}`), expected, value);
  const long = (length: string) => "type" in decode(fromHex(`3007000174${length}0102`), 5);
  equal(long("020101"), false, "the remaining length counts");
  equal("type" in decode(fromHex("3006000174020101"), 5), true);
  equal("type" in decode(fromHex("300700017482000101"), 5), false);
});

test("the properties end where their length says", () => {
  const outcomeOf = (text: string) => {
    const result = decode(fromHex(text), 5);
    return "type" in result ? "accepted" : result.code;
  };
  equal(outcomeOf("20050000022a01"), "accepted");
  equal(outcomeOf("20060000022a0100"), 0x81);
  equal(outcomeOf("20050000032a01"), 0x81);
  equal(outcomeOf("20050000012a01"), 0x81);
  // What follows them in PUBLISH is payload.
  equal(outcomeOf("30060001740001aa"), "accepted");
});
