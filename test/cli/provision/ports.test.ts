import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { bridgeName } from "../../../cli/provision/bridges.js";
import { linuxPorts } from "../../../cli/provision/port-list.js";
import { dormouse } from "../command.js";
import { FakeBoard } from "./fake-board.js";

const sys = mkdtempSync(join(tmpdir(), "dormouse-sys-"));
const board = new FakeBoard("listed");
after(async () => {
  await board.unplug();
  rmSync(sys, { recursive: true });
});

function files(folder: string, content: { readonly [name: string]: string }): string {
  const path = join(sys, folder);
  mkdirSync(path, { recursive: true });
  for (const [name, text] of Object.entries(content)) writeFileSync(join(path, name), `${text}\n`);
  return path;
}

function tty(name: string, device?: string, content = {}): void {
  const path = files(`class/${name}`, content);
  if (device) symlinkSync(join(sys, device), join(path, "device"));
}

test("what sysfs says of a port: its device's ids and maker, wherever they stand above it", () => {
  const usb = { idVendor: "10c4", idProduct: "ea60", manufacturer: "Silicon Labs", serial: "0001" };
  files("usb/1-2", usb);
  files("usb/1-2/1-2:1.0/ttyUSB10", {});
  tty("ttyUSB10", "usb/1-2/1-2:1.0/ttyUSB10");
  files("usb/1-3", { idVendor: "303A", idProduct: "1001" });
  files("usb/1-3/1-3:1.0", {});
  tty("ttyACM0", "usb/1-3/1-3:1.0");
  files("usb/1-4/1-4:1.0/ttyUSB9", {});
  tty("ttyUSB9", "usb/1-4/1-4:1.0/ttyUSB9");
  files("serial8250", {});
  tty("ttyS0", "serial8250", { type: "4" });
  tty("ttyS1", "serial8250", { type: "0" });
  tty("tty1");
  tty("ttyUSB11", "gone");
  assert.deepEqual(linuxPorts(join(sys, "class")), [
    { port: "/dev/ttyACM0", vendorId: "303a", productId: "1001", bridge: "Espressif USB-Serial-JTAG" },
    { port: "/dev/ttyS0" },
    { port: "/dev/ttyUSB9" },
    {
      port: "/dev/ttyUSB10",
      manufacturer: "Silicon Labs",
      vendorId: "10c4",
      productId: "ea60",
      serialNumber: "0001",
      bridge: "CP210x",
    },
  ]);
  assert.deepEqual(linuxPorts(join(sys, "nothing")), []);
});

test("bridges by their ids", () => {
  const found = [
    ["1a86", "7523"],
    ["0403", "6001"],
    ["0403", "ffff"],
    ["1A86", "55D4"],
    ["1a86", "0001"],
    [],
  ];
  assert.deepEqual(
    found.map(([vendor, product]) => bridgeName(vendor, product)),
    ["CH340", "FTDI FT232R", "FTDI", "CH9102", undefined, undefined],
  );
});

test("simulated boards are listed while they run, without udevadm", async () => {
  await board.plug();
  const env = { PATH: "" };
  const lines = (text: string) => text.split("\n").filter((line) => line.includes(board.name));
  const listed = await dormouse(["ports", "--json"], { env });
  assert.deepEqual(
    [listed.code, lines(listed.stdout)],
    [0, [`{"port":"${board.port}","bridge":"simulated"}`]],
  );
  assert.match(lines((await dormouse(["ports"], { env })).stdout)[0]!, /^sim:listed-\d+ +simulated$/);
  await board.unplug();
  assert.deepEqual(lines((await dormouse(["ports"], { env })).stdout), []);
});
