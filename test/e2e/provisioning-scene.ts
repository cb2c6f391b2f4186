/**
 * Boards that nobody has provisioned, at their pseudo-terminals; `dormouse provision`, an authority, a fleet's folder; a
 * Mosquitto that wants what each profile says; and everything that any of them says is kept, to look for secrets in it.
 */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { Fleet } from "../../backend/fleet/fleet.js";
import { createAuthority, createDevice, createServer } from "../../certs/pki/authority.js";
import { altName } from "../../certs/pki/names.js";
import { lifetimeDays, validFor } from "../../certs/pki/validity.js";
import { build, root } from "../../host-sim/paths.js";
import { env, freePort, listening } from "./mqtt-mosquitto.js";

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ran>;
  /** What it has said so far, on both. */
  readonly text: string;
  /** Waits until it has said this, from `since` on; fails when it ends without. @returns where that ends */
  says(pattern: RegExp, since?: number): Promise<number>;
}

/** The listeners of the broker, by what they want. */
export type Listener = "open" | "tls" | "password" | "certificate" | "psk";

/** Of each kind one, found again in no output. */
export const secrets = {
  wifi: `hazelnut ${randomBytes(6).toString("hex")}`,
  broker: `beechnut ${randomBytes(6).toString("hex")}`,
  psk: randomBytes(32).toString("hex"),
};

export class ProvisioningScene {
  readonly folder = mkdtempSync(join(tmpdir(), "dormouse-e2e-provision-"));
  /** What was said, by whom. */
  readonly said: { readonly who: string; text: string }[] = [];
  readonly ports = {} as Record<Listener, number>;
  readonly #running: Started[] = [];
  #brokerSaid: Started | undefined;

  at(path: string): string {
    return join(this.folder, path);
  }

  file(path: string, text: string): string {
    writeFileSync(this.at(path), text, { mode: 0o600 });
    return this.at(path);
  }

  /** Authority, broker's certificate, recipient; the broker runs. @param psks identities */
  async start(
    users: readonly string[],
    psks: readonly string[],
    certified: readonly string[],
  ): Promise<void> {
    for (const name of ["profiles", "tmp", "certs"]) mkdirSync(this.at(name));
    const dir = this.at("certs/private");
    const validity = (days: number) => validFor(days, Date.now());
    await createAuthority(dir, {
      name: "Burrow",
      root: validity(lifetimeDays.root),
      issuing: validity(lifetimeDays.issuing),
      replace: false,
    });
    await createServer(dir, {
      names: [altName("localhost")],
      validity: validity(lifetimeDays.server),
      replace: false,
    });
    for (const id of certified)
      await createDevice(dir, { id, validity: validity(lifetimeDays.device), replace: false });
    this.#p256("plant-7");
    this.#p256("operator");
    const fleet = new Fleet(this.at("fleet"));
    await fleet.addRecipient("plant-7", readFileSync(this.at("certs/private/plant-7.key"), "utf8"), ["#"]);
    fleet.close();
    await this.#startBroker(users, psks);
  }

  /** NAME.key and NAME.pub beside the authority. */
  #p256(name: string): void {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    this.file(`certs/private/${name}.key`, privateKey.export({ type: "pkcs8", format: "pem" }) as string);
    this.file(`certs/private/${name}.pub`, publicKey.export({ type: "spki", format: "pem" }) as string);
  }

  /** A P-256 key in a file of its own: a device's, that it is given. */
  signKey(id: string): void {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    this.file(`certs/private/${id}.sign.key`, privateKey.export({ type: "pkcs8", format: "pem" }) as string);
  }

  async #startBroker(users: readonly string[], psks: readonly string[]): Promise<void> {
    const passwords = this.file("passwords", users.map((name) => `${name}:${secrets.broker}\n`).join(""));
    const hashed = spawnSync("mosquitto_passwd", ["-U", passwords], { env });
    if (hashed.status !== 0) throw new Error(`mosquitto_passwd: ${hashed.stderr}`);
    const server = this.at("certs/private/servers/localhost");
    const served = [`certfile ${server}/chain.pem`, `keyfile ${server}/key.pem`];
    const pskFile = this.file("psks", psks.map((identity) => `${identity}:${secrets.psk}\n`).join(""));
    const wants: Record<Listener, readonly string[]> = {
      open: ["allow_anonymous true"],
      tls: [...served, "allow_anonymous true"],
      password: [...served, "allow_anonymous false", `password_file ${passwords}`],
      certificate: [
        ...served,
        `cafile ${this.at("certs/private/ca/root.pem")}`,
        "require_certificate true",
        "use_identity_as_username true",
        "allow_anonymous false",
      ],
      psk: [
        "psk_hint burrow",
        `psk_file ${pskFile}`,
        "use_identity_as_username true",
        "allow_anonymous false",
      ],
    };
    const lines = [`user ${userInfo().username}`, "log_type all", "per_listener_settings true"];
    for (const [name, settings] of Object.entries(wants) as [Listener, readonly string[]][]) {
      this.ports[name] = await freePort();
      lines.push(`listener ${this.ports[name]} 127.0.0.1`, ...settings);
    }
    const broker = this.#spawn("mosquitto", "mosquitto", [
      "-c",
      this.file("mosquitto.conf", `${lines.join("\n")}\n`),
    ]);
    this.#brokerSaid = broker;
    for (const port of Object.values(this.ports))
      await listening(port, broker.child as never, () => broker.text);
  }

  get brokerLog(): string {
    return this.#brokerSaid?.text ?? "";
  }

  /** A board at `sim:NAME`. Its flash lies in this scene's folder as long as it runs. */
  async board(name: string, ...words: readonly string[]): Promise<Started> {
    const board = this.dormouse(["sim", "--unprovisioned", "--name", name, "--json", ...words], {
      input: null,
    });
    await board.says(/waits at sim:/);
    return board;
  }

  /** @param input for standard input; null leaves it open */
  dormouse(
    words: readonly string[],
    { input = "", variables = {} }: { input?: string | null; variables?: NodeJS.ProcessEnv } = {},
  ): Started {
    const started = this.#spawn(
      `dormouse ${words[0]}`,
      process.execPath,
      [join(build, "js/cli/main.js"), ...words],
      variables,
    );
    if (input !== null) started.child.stdin.end(input);
    return started;
  }

  #spawn(who: string, command: string, words: readonly string[], variables: NodeJS.ProcessEnv = {}): Started {
    const child = spawn(command, words, {
      cwd: this.folder,
      // Ports of simulated boards and their flash are found there.
      env: { ...env, DEBUG: "", TMPDIR: this.at("tmp"), ...variables },
      timeout: 200_000,
    });
    const entry = { who, text: "" };
    this.said.push(entry);
    const heard = new Set<() => void>();
    const ran = { stdout: "", stderr: "" };
    let over = false;
    for (const stream of ["stdout", "stderr"] as const)
      child[stream].setEncoding("utf8").on("data", (text: string) => {
        ran[stream] += text;
        entry.text += text;
        for (const tell of heard) tell();
      });
    child.stdin.on("error", () => {});
    const ended = new Promise<Ran>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => {
        over = true;
        for (const tell of heard) tell();
        resolve({ code, ...ran });
      });
    });
    const says = async (pattern: RegExp, since = 0): Promise<number> => {
      for (;;) {
        const found = pattern.exec(entry.text.slice(since));
        if (found) return since + found.index + found[0].length;
        if (over) throw new Error(`${who} ended without ${pattern}: ${entry.text}`);
        await new Promise<void>((resolve) => {
          const tell = () => {
            heard.delete(tell);
            resolve();
          };
          heard.add(tell);
        });
      }
    };
    const started: Started = {
      child,
      ended,
      get text() {
        return entry.text;
      },
      says,
    };
    this.#running.push(started);
    return started;
  }

  /** A profile of profiles/, with what `more` gives for `broker`, at this broker. */
  profile(name: string, listener: Listener, tls: object = {}): string {
    const profile = JSON.parse(readFileSync(join(root, "profiles", `${name}.json`), "utf8"));
    const { broker } = profile;
    const merged = broker.tls === false ? false : { ...broker.tls, ...tls };
    const written = {
      ...profile,
      broker: { ...broker, host: "localhost", port: this.ports[listener], tls: merged },
    };
    return this.file(`profiles/${name}.json`, JSON.stringify(written));
  }

  async stop(): Promise<void> {
    // The broker is the first of them.
    for (const { child, ended } of this.#running.reverse()) {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
