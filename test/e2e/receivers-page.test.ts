/** docs/receivers.md, word for word: a TypeScript project of its own, with Dormouse linked into it, at a real broker. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import mqtt from "mqtt";
import { parseKeyring } from "../../backend/keyring.js";
import { nodeCrypto } from "../../backend/node-crypto.js";
import { root } from "../../host-sim/paths.js";
import { thaw } from "../../lib/sealed/frozen.js";
import { deriveStampKey } from "../../lib/sealed/keys.js";
import { protect } from "../../lib/sealed/protect.js";
import { encodePackCbor } from "../../lib/senml/cbor.js";
import { Mosquitto, mosquittoMissing } from "./mqtt-mosquitto.js";

const page = readFileSync(join(root, "docs/receivers.md"), "utf8");
const block = (language: string) => new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(page)![1]!;
const keyring = block("json");
const topic = "sensors/dormouse-1/readings";

let project: string;
before(() => {
  project = mkdtempSync(join(tmpdir(), "dormouse-receivers-page-"));
  for (const name of ["dormouse", "mqtt", "@types"]) {
    mkdirSync(join(project, "node_modules"), { recursive: true });
    const target = name === "dormouse" ? root : join(root, "node_modules", name);
    symlinkSync(target, join(project, "node_modules", name), "dir");
  }
  writeFileSync(join(project, "package.json"), '{ "type": "module" }');
  writeFileSync(join(project, "keyring.json"), keyring, { mode: 0o600 });
});
after(() => rmSync(project, { recursive: true, force: true }));

/** @param more compiler options beside what the page says. @returns what the compiler says */
function compile(name: string, code: string, more: object): string {
  writeFileSync(join(project, name), code);
  const compilerOptions = { module: "nodenext", target: "es2022", strict: true, types: ["node"], ...more };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: [name] }));
  try {
    execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "."], {
      cwd: project,
      encoding: "utf8",
    });
    return "";
  } catch (error) {
    return (error as { readonly stdout: string }).stdout;
  }
}

function stamped(counter: number, value: number): Uint8Array {
  const bytes = Buffer.from(JSON.parse(keyring).keys[0].secret, "hex");
  const secret = nodeCrypto.importSecret(bytes);
  const channel = { sender: { id: "dormouse-1", epoch: 0 }, direction: "up", topic } as const;
  const plaintext = encodePackCbor([{ n: "dormouse-1:temperature", u: "Cel", v: value }]);
  return protect(nodeCrypto, deriveStampKey(nodeCrypto, secret, channel), thaw({ counter, plaintext }));
}

/** Its lines so far, and the next one that matches. */
function linesOf(child: ChildProcess) {
  const lines: string[] = [];
  let changed = () => {};
  for (const stream of [child.stdout!, child.stderr!])
    createInterface(stream).on("line", (line) => {
      lines.push(line);
      changed();
    });
  const line = (wanted: string) =>
    new Promise<void>((resolve, reject) => {
      changed = () => lines.includes(wanted) && resolve();
      child.once("exit", () => reject(new Error(`ended without "${wanted}": ${lines.join("\n")}`)));
      changed();
    });
  return { lines, line };
}

test("the keyring of docs/receivers.md is one", () => parseKeyring(keyring).close());

test("every entry has types that stand by themselves, with each check of the compiler", () => {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const entries = Object.keys(exports).filter((name) => !name.endsWith(".json"));
  assert.ok(entries.length >= 7);
  const code = entries
    .map((name, n) => `import * as e${n} from "dormouse${name.slice(1)}";\ne${n};\n`)
    .join("");
  const strictest = { skipLibCheck: false, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };
  assert.equal(compile("types.ts", code, { ...strictest, noEmit: true }), "");
  assert.match(compile("types.ts", 'import "dormouse/cli/main";', { noEmit: true }), /dormouse\/cli\/main/);
});

test("the receiver of docs/receivers.md compiles, and receives from Mosquitto", {
  skip: mosquittoMissing() ?? false,
  timeout: 60_000,
}, async () => {
  assert.equal(compile("server.ts", block("ts"), { skipLibCheck: true }), "");
  const broker = new Mosquitto();
  await broker.start({ nobody: "unused" });
  const url = `mqtt://127.0.0.1:${broker.openPort}`;
  const run = () => {
    const env = { ...process.env, BROKER: url };
    return spawn(process.execPath, ["server.js"], { cwd: project, env, stdio: ["ignore", "pipe", "pipe"] });
  };
  const device = await mqtt.connectAsync(url, { protocolVersion: 5 });
  const publish = (message: Uint8Array) => device.publishAsync(topic, Buffer.from(message), { qos: 1 });
  const children: ChildProcess[] = [];
  try {
    // It subscribes in its own time: what is retained waits for that.
    await device.publishAsync(topic, Buffer.from(stamped(4, 20)), { qos: 1, retain: true });
    const first = run();
    children.push(first);
    const printed = linesOf(first);
    await printed.line("dormouse-1 4 dormouse-1:temperature 20 Cel");
    const message = stamped(5, 21.5);
    await publish(message);
    await publish(message);
    await publish(Uint8Array.from([...message.subarray(0, -1), message.at(-1)! ^ 1]));
    await publish(stamped(5, 22));
    await publish(stamped(6, 23));
    await printed.line("dormouse-1 6 dormouse-1:temperature 23 Cel");
    assert.deepEqual(printed.lines.slice(1).sort(), [
      "dormouse-1 5 dormouse-1:temperature 21.5 Cel",
      "dormouse-1 6 dormouse-1:temperature 23 Cel",
      `${topic}: bad not-authentic`,
      `${topic}: conflict `,
    ]);
    first.kill("SIGTERM");
    assert.deepEqual(await once(first, "exit"), [0, null]);
    // While it is away the broker keeps what comes; what it has seen it knows again.
    await publish(message);
    await publish(stamped(7, 24));
    const second = run();
    children.push(second);
    const later = linesOf(second);
    await later.line("dormouse-1 7 dormouse-1:temperature 24 Cel");
    assert.deepEqual(later.lines, ["dormouse-1 7 dormouse-1:temperature 24 Cel"]);
  } finally {
    for (const child of children) child.kill("SIGKILL");
    await device.endAsync();
    await broker.stop();
  }
});
