/** A device whose commands come from `dormouse command`, with the operator's signature, and the keyring they are made of. */
import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeCrypto } from "../../backend/node-crypto.js";
import { root } from "../../host-sim/paths.js";
import type { CommandSettings } from "../../lib/store/protection.js";
import { type Running, startDormouse } from "../cli/mqtt-command.js";
import { stamped } from "./commands-scene.js";

/** An operator's key pair, the private one in a file of mode 0600. */
export function operatorIn(folder: string, kid = "ops-1") {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const agreement = nodeCrypto.importAgreementKey(privateKey.export({ type: "pkcs8", format: "der" }));
  const key = Buffer.from(nodeCrypto.agreementPoint(agreement)).toString("base64url");
  agreement.close();
  const pem = join(folder, `${kid}.pem`);
  writeFileSync(pem, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  const settings: CommandSettings = { ...stamped, operator: { kid, key } };
  return { settings, flags: ["--operator-key", `file:${pem}`, "--operator-kid", kid] };
}

/** `dormouse command` for one device. */
export class Shell {
  readonly keyring: string;
  readonly #device: string;
  readonly #port: number;
  readonly #flags: readonly string[];

  constructor(
    folder: string,
    device: string,
    secret: Uint8Array,
    port: number,
    flags: readonly string[] = [],
  ) {
    this.#device = device;
    this.#port = port;
    this.#flags = flags;
    this.keyring = join(folder, `${device}.keyring`);
    const base = `sensors/${device}`;
    const topics = { [`${base}/result`]: "stamp", [`${base}/readings`]: "stamp" };
    const keys = [{ device, epoch: 0, secret: Buffer.from(secret).toString("hex"), topics }];
    writeFileSync(this.keyring, JSON.stringify({ schema: 1, keys }), { mode: 0o600 });
  }

  /**
   * It is with the broker when this returns; and stopped, so that it does not answer the device before the device sleeps,
   * which on a quick machine it would.
   */
  async send(...words: string[]): Promise<Running> {
    const common = ["-p", `${this.#port}`, "--keyring", this.keyring, "--sender", "ops", "--expires", "9d"];
    const running = startDormouse([
      "command",
      this.#device,
      ...words,
      ...common,
      ...this.#flags,
      "--wait",
      "60s",
    ]);
    await running.says("is with the broker");
    running.process.kill("SIGSTOP");
    return running;
  }

  /** As `send`, once the command has been sent again with the device's challenge. */
  static async again(running: Running): Promise<void> {
    running.process.kill("SIGCONT");
    await running.says("sent again");
    await running.says("is with the broker", 2);
  }

  /** `dormouse keys rekey`. @returns what it prints, word by word */
  rekey(...words: string[]): string[] {
    const all = ["keys", "rekey", "--device", this.#device, "--keyring", this.keyring, ...words];
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "cli/dormouse.mjs"), ...all], {
      encoding: "utf8",
      timeout: 20_000,
    });
    if (status !== 0) throw new Error(stderr);
    return stdout.trim().split(" ");
  }
}

/** What the shell said at the end: "0 done: 60", or with the exit code 1 the last line. */
export async function endOf(running: Running): Promise<string> {
  running.process.kill("SIGCONT");
  const { code, stdout, stderr } = await running.ended;
  return `${code} ${code === 0 ? stdout.trim() : (stderr.trim().split("\n").at(-1) ?? "")}`;
}
