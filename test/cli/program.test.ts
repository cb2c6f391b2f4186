import assert from "node:assert/strict";
import { test } from "node:test";
import { dormouse } from "./command.js";

for (const command of [
  "",
  "sim",
  "certs",
  "certs init",
  "certs server",
  "certs device",
  "profile",
  "profile check",
  "pin",
])
  test(`"dormouse ${command} --help" explains with an example and exits 0`, async () => {
    const ran = await dormouse([...command.split(" ").filter(Boolean), "--help"]);
    assert.equal(ran.code, 0);
    assert.match(ran.stdout, /^Usage: dormouse/);
    assert.match(ran.stdout, /\nExample:\n {2}\$ dormouse /);
    assert.equal(ran.stderr, "");
  });

for (const command of ["listen", "bridge", "command", "sub"])
  test(`"dormouse ${command} --help" has what is about help at its end`, async () => {
    const { stdout } = await dormouse([command, "--help"]);
    const groups = [...stdout.matchAll(/^(\S.*):$/gm)].map(([, group]) => group);
    assert.deepEqual(groups.slice(-2), ["Help", "Example"]);
  });

const wrong: [string, RegExp][] = [
  ["", /a command is missing .*dormouse --help/],
  ["certs", /a command is missing .*dormouse certs --help/],
  ["profile", /a command is missing/],
  ["nonsense", /unknown command 'nonsense'/],
  ["sim --nonsense", /unknown option '--nonsense' \(see: dormouse sim --help\)/],
  ["sim --cycle 3", /unknown option '--cycle'.*--cycles/],
  ["sim extra", /too many arguments/],
  ["sim --seed", /'--seed <N>' argument missing/],
  ["sim --cycles 0", /--cycles "0"/],
  ["sim --cycles 1.5", /--cycles "1.5"/],
  ["sim --interval 15", /--interval "15": write a duration like/],
  ["sim --interval 999ms", /--interval "999ms": must be from 1s to 30d/],
  ["sim --board esp32p4", /--board "esp32p4": must be one of esp32, /],
  ["sim --seed 4294967296", /--seed/],
  ["sim --broker localhost:8883", /write mqtts:\/\/HOST:PORT/],
  ["sim --broker mqtts://h:65536 --ca x", /from 1 to 65535/],
  ["sim --broker mqtts://localhost", /needs --ca FILE/],
  ["sim --broker mqtts://localhost --ca /nonexistent", /\/nonexistent: no such file/],
  ["sim --broker mqtt://localhost --ca ca.pem", /--ca goes with a mqtts/],
  ["sim --ca ca.pem", /--ca goes with --broker/],
  ["sim --keylog /nonexistent/keys", /its folder does not exist/],
  ["sim --profile /nonexistent", /\/nonexistent: no such file/],
  ["sim --profile /", /\/: is a folder/],
  ["profile check", /missing required argument 'FILE'/],
  ["profile check /nonexistent", /\/nonexistent: no such file/],
  ["pin", /give one of HOST:PORT, --cert FILE and --key FILE/],
  ["pin localhost:8883 --cert x", /give one of/],
  ["pin --cert x --key y", /give one of/],
  ["pin localhost", /"localhost": write HOST:PORT/],
  ["pin mqtts://localhost:8883", /write HOST:PORT/],
  ["pin user@localhost:8883", /write HOST:PORT/],
  ["pin localhost:0", /from 1 to 65535/],
  ["pin ::1:8883", /write HOST:PORT/],
  ["pin localhost:8883 --timeout 10", /--timeout "10": write a duration/],
  ["pin localhost:8883 more", /too many arguments/],
  ["pin --cert /nonexistent", /\/nonexistent: no such file/],
  ["pin --key /", /\/: is a folder/],
  ["certs server", /missing required argument 'NAME'/],
  ["certs server bad_name", /"bad_name" is neither a host name nor an IP address/],
  ["certs server 1.2.3", /"1.2.3" is neither/],
  ["certs server broker --days 0", /--days "0"/],
];
for (const [words, line] of wrong)
  test(`"dormouse ${words}" is wrong usage: one line, exit 2, nothing on standard output`, async () => {
    const ran = await dormouse(words.split(" ").filter(Boolean));
    assert.equal(ran.code, 2, ran.stderr);
    assert.match(ran.stderr, line);
    assert.match(ran.stderr, /^dormouse: [^\n]+\n$/);
    assert.equal(ran.stdout, "");
  });

test("a password in --broker is refused and not repeated", async () => {
  const ran = await dormouse(["sim", "--broker", "mqtts://me:hunter2@localhost:8883"]);
  assert.equal(ran.code, 2);
  assert.doesNotMatch(ran.stderr, /hunter2/);
});

test("DEBUG=dormouse shows where an error came from", async () => {
  const ran = await dormouse(["sim", "--cycles", "0"], { env: { DEBUG: "dormouse" } });
  assert.equal(ran.code, 2);
  assert.match(ran.stderr, /\n {4}at /);
});
