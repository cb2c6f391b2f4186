/** What the tests of `dormouse command` share: a broker, devices with their keyrings, the command in a process. */
import { doesNotMatch, equal, match } from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { type SymmetricName, symmetricNamed } from "../../backend/symmetric.js";
import { CommandDevice, type DeviceOptions } from "./command-device.js";
import { deriveDirect } from "./derive-direct.js";
import { ClientBroker } from "./mqtt-broker.js";
import { type Ran, type Running, type Setting, startDormouse } from "./mqtt-command.js";

const secret = "5a".repeat(32);

interface Place {
  readonly port?: number;
  readonly keyring?: string;
  /** null: not said. */
  readonly sender?: string | null;
  readonly input?: string;
}

/** A device and how to command it. */
export class Commanded extends CommandDevice {
  readonly secret: string;
  readonly keyring: string;
  readonly #broker: ClientBroker;
  readonly #id: string;

  constructor(broker: ClientBroker, options: DeviceOptions) {
    super(options);
    this.#broker = broker;
    this.#id = options.id;
    this.secret = options.secret;
    const topics = { [`${this.base}/result`]: "stamp" };
    const keys = [{ device: options.id, epoch: 0, secret: this.secret, topics }];
    this.keyring = broker.file(`${options.id}.keyring`, JSON.stringify({ schema: 1, keys }));
  }

  start = (...all: (string | Place)[]): Running => {
    const place = all.find((one): one is Place => typeof one !== "string") ?? {};
    const said = all.filter((one): one is string => typeof one === "string");
    const { port = this.#broker.ports.open, keyring = this.keyring, sender = "office", input = "" } = place;
    const words = ["command", this.#id, "-p", `${port}`, "--keyring", keyring];
    if (sender !== null) words.push("--sender", sender);
    const setting: Setting = { cwd: this.#broker.folder, input };
    return startDormouse([...words, ...said], setting);
  };

  command = (...words: string[]): Promise<Ran> => this.start(...words).ended;
}

export class CommandScene {
  readonly broker = new ClientBroker();
  readonly #devices: Commanded[] = [];

  async start(): Promise<void> {
    await this.broker.start();
  }

  async stop(): Promise<void> {
    for (const device of this.#devices) await device.sleep();
    await this.broker.stop();
  }

  async device(
    id: string,
    more: Partial<DeviceOptions> & {
      readonly algorithm?: SymmetricName;
      readonly awake?: boolean;
    } = {},
  ): Promise<Commanded> {
    const { algorithm, awake = true, ...options } = more;
    const commands = algorithm && symmetricNamed(algorithm);
    const device = new Commanded(this.broker, {
      port: this.broker.ports.open,
      id,
      secret,
      controllers: ["office", "attic"],
      ...(commands && { commands }),
      ...options,
    });
    this.#devices.push(device);
    if (awake) await device.wake();
    return device;
  }

  /** What `dormouse keys derive` gives out, for one controller. */
  derivedKeyring(device: Commanded, sender: string): string {
    const id = device.base.slice("sensors/".length);
    const down = deriveDirect(device.secret, { sender, direction: "down", topic: `${device.base}/command` });
    const up = deriveDirect(device.secret, { sender: id, direction: "up", topic: `${device.base}/result` });
    const keys = [
      { device: id, sender, epoch: 0, direction: "down", topic: `${device.base}/command`, ...down },
      { device: id, epoch: 0, direction: "up", topic: `${device.base}/result`, ...up },
    ];
    return this.broker.file(`${id}-${sender}.keyring`, JSON.stringify({ schema: 1, keys }));
  }

  /** For what happens by the clock alone. */
  async passed(ms: number): Promise<void> {
    await delay(ms);
  }

  async until(condition: () => boolean): Promise<void> {
    for (let tries = 0; !condition(); tries++) {
      if (tries > 1000) throw new Error("it never came to be");
      await delay(20);
    }
  }
}

export function endsWith({ code, stdout, stderr }: Ran, expected: number, out: string, err = /^/): void {
  equal(code, expected, stderr);
  equal(Buffer.from(stdout, "latin1").toString("utf8"), out, stderr);
  match(stderr, err);
  doesNotMatch(stderr + stdout, new RegExp(secret));
}
