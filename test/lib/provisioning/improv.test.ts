import {
  beginsImprov,
  encodeImprovCommand,
  encodeImprovError,
  encodeImprovResult,
  encodeImprovState,
  type ImprovPacket,
  improvErrors,
  improvPacketBytes,
  improvStates,
  improvTypes,
  readImprovCommand,
  readImprovMessage,
  readImprovPacket,
} from "../../../lib/provisioning/improv.js";
import { bytes, equal, fromHex, hex, ok, test } from "../../device/harness.js";

const magic = "494d50524f5601";

/** The packet in a line as it is sent: between two line feeds. */
function packetOf(line: Uint8Array): ImprovPacket {
  equal([line[0], line[line.length - 1]], [10, 10], "line feeds around it");
  const packet = readImprovPacket(line.subarray(1), line.length - 2);
  ok(packet, "a packet");
  return packet;
}

test("the standard's example: MyWirelessAP and mysecurepassword", () => {
  const wifi = { command: 1, ssid: "MyWirelessAP", password: "mysecurepassword" } as const;
  const line = encodeImprovCommand(wifi);
  const data = `011e0c${hex(ascii("MyWirelessAP"))}10${hex(ascii("mysecurepassword"))}`;
  bytes(line, `0a${magic}0320${data}c10a`);
  equal(readImprovCommand(packetOf(line)), wifi);
});

test("state, error, result and the commands without data, byte by byte", () => {
  bytes(encodeImprovState(improvStates.ready), `0a${magic}010102e20a`);
  bytes(encodeImprovState(improvStates.provisioned), `0a${magic}010104e40a`);
  bytes(encodeImprovError(improvErrors.unableToConnect), `0a${magic}020103e40a`);
  bytes(encodeImprovCommand({ command: 2 }), `0a${magic}03020200e50a`);
  bytes(encodeImprovCommand({ command: 4 }), `0a${magic}03020400e70a`);
  bytes(encodeImprovResult(1, []), `0a${magic}04020100e50a`);
  bytes(encodeImprovResult(4, ["A", "-60", "YES"]), `0a${magic}040c040a0141032d363003594553c80a`);
  equal(readImprovMessage(packetOf(encodeImprovState(improvStates.provisioning))), {
    kind: "state",
    state: 3,
  });
  equal(readImprovMessage(packetOf(encodeImprovError(improvErrors.none))), { kind: "error", error: 0 });
  for (const strings of [[], [""], ["Dormouse", "0.1.0", "ESP32-C3", "Haselmaus é"]])
    equal(readImprovMessage(packetOf(encodeImprovResult(3, strings))), {
      kind: "result",
      command: 3,
      strings,
    });
});

test("a command that cannot be carried out has the error to answer with", () => {
  const { invalidCommand, unknownCommand } = improvErrors;
  const long = "61".repeat(33);
  const cases: readonly (readonly [string, ReturnType<typeof readImprovCommand>])[] = [
    ["0200", { command: 2 }],
    ["0300", { command: 3 }],
    ["020100", invalidCommand],
    ["0500", unknownCommand],
    ["0000", unknownCommand],
    ["01030161" + "00", { command: 1, ssid: "a", password: "" }],
    ["0100", invalidCommand],
    ["01020161", invalidCommand], // no password
    ["010400" + "026161", invalidCommand], // no name
    ["01030261" + "61", invalidCommand],
    ["01040161" + "0161", { command: 1, ssid: "a", password: "a" }],
    ["01050161" + "016100", invalidCommand], // a third string
    ["010401ff" + "0161", invalidCommand], // no UTF-8
    ["01040100" + "0161", invalidCommand], // a zero, which ends a name for Wi-Fi drivers
    [`012220${long.slice(2)}00`, { command: 1, ssid: "a".repeat(32), password: "" }],
    [`012321${long}00`, invalidCommand],
    [`0143016140${"62".repeat(64)}`, { command: 1, ssid: "a", password: "b".repeat(64) }],
    [`0144016141${"62".repeat(65)}`, invalidCommand],
  ];
  for (const [data, expected] of cases)
    equal(readImprovCommand({ type: improvTypes.command, data: fromHex(data) }), expected, data);
});

test("each byte changed, each cut: no packet", () => {
  const line = encodeImprovResult(4, ["Burrow", "-60", "YES"]).subarray(1);
  const whole = line.length - 1;
  equal(improvPacketBytes(line, whole), whole);
  for (let have = 1; have <= whole; have++) ok(beginsImprov(line, have), `after ${have}`);
  for (let have = 0; have < 9; have++) equal(improvPacketBytes(line, have), 0);
  for (let i = 0; i < whole; i++)
    for (const change of [1, 0x20, 0x80, 0xff]) {
      const changed = line.slice();
      changed[i]! ^= change;
      const length = improvPacketBytes(changed, whole);
      const taken = beginsImprov(changed, whole) && length <= whole && readImprovPacket(changed, length);
      ok(!taken, `byte ${i}, ${change}`);
    }
});

test("a start that cannot be one is known at once", () => {
  const cases = [
    ["494d50524f56", true],
    ["494d50524f57", false],
    ["494d50524f5602", false], // another version
    [`${magic}00`, false],
    [`${magic}05`, false],
    [`${magic}0101`, true],
    [`${magic}0102`, false], // a state of two bytes
    [`${magic}0301`, false],
    [`${magic}03020200`, true],
    [`${magic}03020201`, false], // says that more follows than there is
    [`${magic}03ff01fd`, true],
    [`${magic}03ff01fe`, false],
  ] as const;
  for (const [line, can] of cases) equal(beginsImprov(fromHex(line), line.length / 2), can, line);
});

test("strings that no packet holds are refused when it is made", () => {
  for (const [length, fits] of [
    [252, true],
    [253, false],
  ] as const) {
    let made = true;
    try {
      encodeImprovResult(3, ["x".repeat(length)]);
    } catch (error) {
      made = !(error instanceof RangeError);
    }
    equal(made, fits, `${length} bytes`);
  }
});

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
