/** docs/commands.md: its commands and its program do what it says, at a Mosquitto; its example is the first vector. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { root } from "../../host-sim/paths.js";
import { mosquittoMissing } from "../e2e/mqtt-mosquitto.js";
import { CommandDevice } from "./command-device.js";
import { ClientBroker } from "./mqtt-broker.js";
import { dormouse, startDormouse } from "./mqtt-command.js";

const page = readFileSync(join(root, "docs/commands.md"), "utf8");
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, "gs"))].map(([, block]) => block!);
const lines = blocks("sh").flatMap((block) => block.trim().split("\n"));
const lineOf = (text: string) => lines.find((line) => line.includes(text))!;
const secret = Uint8Array.from({ length: 32 }, (_, i) => i);
const passPhrase = ["-passin", "pass:correct horse"];

test("the example of docs/commands.md is the first vector", () => {
  const path = join(root, "test/vectors/commands/exchange.json");
  const [vector] = JSON.parse(readFileSync(path, "utf8")).cases;
  const shown = [...page.matchAll(/```hex (\w+)\n([0-9a-f]+)\n```/g)];
  equal(shown.length, 5);
  for (const [, name, hex] of shown) equal(hex, vector[name!], name);
});

describe("docs/commands.md", { skip: mosquittoMissing() ?? false, timeout: 120_000 }, () => {
  const broker = new ClientBroker();
  let device: CommandDevice;
  before(async () => {
    await broker.start();
    broker.file("dormouse-1.secret", `${Buffer.from(secret).toString("hex")}\n`);
    for (const line of lines.filter((line) => line.startsWith("openssl") && !line.includes("|")))
      openssl(line);
    const { x, y } = createPublicKey(readFileSync(join(broker.folder, "operator.pub"))).export({
      format: "jwk",
    });
    const point = Uint8Array.from([4, ...Buffer.from(x!, "base64url"), ...Buffer.from(y!, "base64url")]);
    device = new CommandDevice({
      port: broker.ports.open,
      id: "dormouse-1",
      secret: Buffer.from(secret).toString("hex"),
      controllers: ["office", "attic"],
      operator: { kid: "ops-1", point },
      sure: false,
    });
    device.handlers.set("led", () => ["done", null]);
    device.handlers.set("read", () => ["done", 21.5]);
    await device.wake();
    for (const line of lines.filter((line) => line.includes("keys derive"))) {
      const { code, stderr } = await dormouse(wordsOf(line), { cwd: broker.folder });
      equal(code, 0, stderr);
    }
  });
  after(async () => {
    await device?.sleep();
    await broker.stop();
  });

  /** Without npx dormouse, and for the broker here. */
  function wordsOf(line: string): string[] {
    const words = line.slice(line.indexOf("npx dormouse ") + 13).split(" ");
    const at = words.indexOf("-h");
    if (at > 0) words.splice(at, 2, "-h", "localhost", "-p", `${broker.ports.tls}`);
    return words.map((word) => (word === "ca.pem" ? broker.ca.certificate : word));
  }

  /** @returns what it prints; nobody is asked for the pass phrase */
  function openssl(line: string): string {
    const [, ...words] = line.split(" ");
    const phrase = words.includes("-aes256") ? ["-pass", passPhrase[1]!] : passPhrase;
    const { status, stdout, stderr } = spawnSync("openssl", [...words, ...phrase], {
      cwd: broker.folder,
      encoding: "utf8",
    });
    equal(status, 0, stderr);
    return stdout;
  }

  test("dormouse command with keys that were derived", async () => {
    const ran = await dormouse(wordsOf(lineOf("command dormouse-1 led true")), { cwd: broker.folder });
    equal(ran.code, 0, ran.stderr);
    equal(ran.stdout, "done\n");
    match(ran.stderr, /wants its challenge in the command: sent again/);
    deepEqual(device.acted.at(-1)?.command.args, [true]);
  });

  test("the operator's key from a pipe", async () => {
    const line = lineOf("| npx dormouse");
    const input = openssl(line.slice(0, line.indexOf(" |")));
    ok(input.includes("BEGIN PRIVATE KEY"));
    const ran = await dormouse(wordsOf(line), { cwd: broker.folder, input });
    equal(ran.code, 0, ran.stderr);
    equal(device.acted.at(-1)?.command.name, "reboot");
  });

  test("the program compiles, sends, answers the challenge, and prints the device's answer", async () => {
    const project = join(broker.folder, "project");
    mkdirSync(join(project, "node_modules"), { recursive: true });
    for (const name of ["dormouse", "mqtt", "@types"]) {
      const target = name === "dormouse" ? root : join(root, "node_modules", name);
      symlinkSync(target, join(project, "node_modules", name), "dir");
    }
    const [program] = blocks("ts");
    writeFileSync(join(project, "package.json"), '{ "type": "module" }');
    writeFileSync(join(project, "office.ts"), program!);
    const keyring = readFileSync(join(broker.folder, "office.keyring"));
    writeFileSync(join(project, "office.keyring"), keyring, { mode: 0o600 });
    const compilerOptions = { module: "nodenext", target: "es2022", strict: true, types: ["node"] };
    const settings = { compilerOptions: { ...compilerOptions, skipLibCheck: true }, files: ["office.ts"] };
    writeFileSync(join(project, "tsconfig.json"), JSON.stringify(settings));
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    execFileSync(process.execPath, [compiler, "-p", "."], { cwd: project, encoding: "utf8" });
    const child = spawn(process.execPath, ["office.js"], {
      cwd: project,
      env: { ...process.env, BROKER: `mqtt://127.0.0.1:${broker.ports.open}` },
      stdio: ["ignore", "pipe", "inherit"],
      timeout: 30_000,
    });
    const [printed] = await once(createInterface(child.stdout), "line");
    equal(printed, "dormouse-1 read done 21.5");
    deepEqual(device.acted.at(-1)?.command.args, ["temperature"]);
    child.kill("SIGTERM");
    deepEqual(await once(child, "exit"), [0, null]);
  });

  test("the simulator does what it is told", async () => {
    await device.sleep();
    const [, profile, keyring] = blocks("json");
    broker.file("profile.json", profile!);
    broker.file("all.keyring", keyring!);
    const words = wordsOf(lineOf("dormouse sim")).map((word) =>
      word.replace("localhost:8883", `localhost:${broker.ports.tls}`),
    );
    const since = broker.logLength;
    const board = startDormouse(words, { cwd: broker.folder });
    try {
      await broker.logged("Sending SUBACK to dormouse-1", since);
      const ran = await dormouse(wordsOf(lineOf("read temperature")), { cwd: broker.folder });
      equal(ran.code, 0, ran.stderr);
      match(ran.stdout, /^done: -?\d+(\.\d+)?\n$/);
    } finally {
      board.process.kill("SIGTERM");
      await board.ended;
    }
  });

  test("its profile is one", async () => {
    const [settings] = blocks("json");
    const profile = { ...JSON.parse(readFileSync(join(root, "profiles/simulator.json"), "utf8")) };
    const path = broker.file("profile.json", JSON.stringify({ ...profile, ...JSON.parse(settings!) }));
    const ran = await dormouse(["profile", "check", path], { cwd: broker.folder });
    equal(ran.code, 0, ran.stderr);
  });
});
