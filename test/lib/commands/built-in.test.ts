import {
  changedSettings,
  crlCommand,
  isBuiltIn,
  keysCommand,
  pinsCommand,
} from "../../../lib/commands/built-in.js";
import { noSettings } from "../../../lib/store/settings.js";
import { equal, hex, ok, test } from "../../device/harness.js";

test("an application's names are not built in, identify among them", () => {
  for (const name of ["interval", "batch", "alarm", "reboot", "pins", "crl", "keys"])
    ok(isBuiltIn(name), name);
  for (const name of ["identify", "read", "led", "Interval", "pins.2"]) equal(isBuiltIn(name), false, name);
});

test("interval and batch take one number", () => {
  equal(changedSettings(noSettings, "interval", [60]), { ...noSettings, intervalSeconds: 60 });
  equal(changedSettings(noSettings, "batch", [4]), { ...noSettings, sendEvery: 4 });
  for (const args of [[], ["60"], [60, 1], [true]])
    for (const name of ["interval", "batch"] as const)
      equal(typeof changedSettings(noSettings, name, args), "string", JSON.stringify(args));
});

test("alarm takes a name and off, or bounds", () => {
  const alarm = (...args: (string | number)[]) => {
    const changed = changedSettings(noSettings, "alarm", args);
    return typeof changed === "string" ? "refused" : changed.alarms[0];
  };
  equal(alarm("t", "off"), { name: "t", above: null, below: null });
  equal(alarm("t", "above", 30), { name: "t", above: 30, below: null });
  equal(alarm("t", "below", -1.5), { name: "t", above: null, below: -1.5 });
  equal(alarm("t", "below", 5, "above", 30), { name: "t", above: 30, below: 5 });
  for (const args of [
    [],
    ["t"],
    ["", "off"],
    [1, "off"],
    ["t", "off", 1],
    ["t", "above"],
    ["t", "above", "30"],
    ["t", "above", 1, "above", 2],
    ["t", "over", 1],
  ])
    equal(alarm(...args), "refused", JSON.stringify(args));
});

test("pins takes a version and two texts, keys an epoch and a salt in hex, crl a number and bytes", () => {
  equal(pinsCommand([1, "a", "b"]), { version: 1, old: "a", next: "b" });
  for (const args of [
    [],
    [1, "a"],
    ["1", "a", "b"],
    [0.5, "a", "b"],
    [-1, "a", "b"],
    [1, "a", 2],
    [1, "a", "b", "c"],
  ])
    equal(pinsCommand(args), undefined, JSON.stringify(args));
  const salt = "000102030405060708090a0b0c0d0e0f";
  const keys = keysCommand([7, salt])!;
  equal(keys.epoch, 7);
  equal(hex(keys.salt), salt);
  for (const args of [
    [7],
    ["7", salt],
    [7, salt.slice(2)],
    [7, `${salt}0`],
    [7, salt.toUpperCase()],
    [2 ** 32, salt],
  ])
    equal(keysCommand(args), undefined, JSON.stringify(args));
  const list = Uint8Array.of(1);
  const issuer = Uint8Array.of(2);
  equal(crlCommand([3, list]), { number: 3, list, issuer: undefined });
  equal(crlCommand([3, list, issuer]), { number: 3, list, issuer });
  for (const args of [[3], [3, "text"], [-3, Uint8Array.of(1)], [3, Uint8Array.of(1), 1]])
    equal(crlCommand(args), undefined, JSON.stringify(args));
});
