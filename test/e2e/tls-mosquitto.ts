/**
 * A Mosquitto with any number of TLS listeners, and an open one without TLS for the judge. Where a client has an
 * identity it may write its own readings only, under the name that the broker took from its certificate or PSK.
 * Ended by the handle it was started with.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { env, freePort, listening } from "./mqtt-mosquitto.js";

/** PEM. */
export interface ServerCertificate {
  readonly chainPem: string;
  readonly keyPem: string;
}

export type ListenerSpec =
  | (ServerCertificate & {
      /** Who signs devices' certificates; each device must show one then. */
      readonly deviceCaPem?: string;
    })
  /** Keys in hex by identity. */
  | { readonly psks: Readonly<Record<string, string>> };

export interface Versions {
  readonly min?: "TLSv1.2" | "TLSv1.3";
  readonly max?: "TLSv1.2" | "TLSv1.3";
}

export class TlsMosquitto<Name extends string> {
  readonly #folder = mkdtempSync(join(tmpdir(), "dormouse-tls-mosquitto-"));
  readonly #listeners: Readonly<Record<Name, ListenerSpec>>;
  readonly ports = {} as Record<Name, number>;
  /** Without TLS. */
  openPort = 0;
  #broker: ChildProcess | undefined;
  #log = "";
  #logged = () => {};

  constructor(listeners: Readonly<Record<Name, ListenerSpec>>) {
    this.#listeners = listeners;
  }

  async start(versions: Versions = {}): Promise<void> {
    this.openPort = await freePort();
    const config = [
      `user ${userInfo().username}`,
      "log_type all",
      "per_listener_settings true",
      `listener ${this.openPort} 127.0.0.1`,
      "allow_anonymous true",
    ];
    this.#file("acl", "pattern write sensors/%u/readings\n");
    for (const name of Object.keys(this.#listeners) as Name[]) {
      this.ports[name] = await freePort();
      config.push(`listener ${this.ports[name]} 127.0.0.1`, ...this.#listener(name, this.#listeners[name]));
    }
    this.#file("mosquitto.conf", `${config.join("\n")}\n`);
    await this.#run(versions);
  }

  #listener(name: string, spec: ListenerSpec): string[] {
    const named = [
      "use_identity_as_username true",
      "allow_anonymous false",
      `acl_file ${join(this.#folder, "acl")}`,
    ];
    if ("psks" in spec) {
      const keys = Object.entries(spec.psks).map(([identity, hex]) => `${identity}:${hex}\n`);
      return ["psk_hint burrow", `psk_file ${this.#file(`${name}.psk`, keys.join(""))}`, ...named];
    }
    const { chainPem, keyPem, deviceCaPem } = spec;
    const server = [
      `certfile ${this.#file(`${name}.pem`, chainPem)}`,
      `keyfile ${this.#file(`${name}.key`, keyPem)}`,
    ];
    if (deviceCaPem === undefined) return [...server, "allow_anonymous true"];
    const cafile = this.#file(`${name}.ca`, deviceCaPem);
    return [...server, `cafile ${cafile}`, "require_certificate true", ...named];
  }

  #file(name: string, text: string): string {
    const path = join(this.#folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  /** Mosquitto has a setting for the lowest version only; OpenSSL has both. */
  async #run({ min = "TLSv1.2", max = "TLSv1.3" }: Versions): Promise<void> {
    const limits = `[limits]\nMinProtocol = ${min}\nMaxProtocol = ${max}\n`;
    const openssl = `openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = limits\n${limits}`;
    const broker = spawn("mosquitto", ["-c", join(this.#folder, "mosquitto.conf")], {
      env: { ...env, OPENSSL_CONF: this.#file("openssl.cnf", openssl) },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#broker = broker;
    broker.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#log += text;
      this.#logged();
    });
    await listening(this.openPort, broker, () => this.#log);
  }

  /** The names under which a client came in, "" for none. */
  names(clientId: string): string[] {
    const lines = this.#log.matchAll(/New client connected from \S+ as (\S+) \((.*)\)\./g);
    return [...lines]
      .filter(([, id]) => id === clientId)
      .map(([, , rest]) => /u'(.*)'/.exec(rest!)?.[1] ?? "");
  }

  /** The same ports, other ticket keys. Done when the judge, whom the end cut off, is back. */
  async restart(versions: Versions = {}): Promise<void> {
    const suback = "Sending SUBACK to dormouse-listener";
    await this.#end();
    this.#log = "";
    await this.#run(versions);
    while (!this.#log.includes(suback))
      await new Promise<void>((resolve) => {
        this.#logged = resolve;
      });
  }

  async #end(): Promise<void> {
    const broker = this.#broker;
    this.#broker = undefined;
    if (!broker || broker.exitCode !== null || broker.signalCode !== null) return;
    broker.kill("SIGTERM");
    await once(broker, "close");
  }

  async stop(): Promise<void> {
    await this.#end();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
