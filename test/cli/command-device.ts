/**
 * A device at a real broker that takes commands as the firmware is to: lib/commands decides, this file keeps the
 * flash, sends and receives. It can go away and come back, as a device that sleeps does, with its session kept.
 */
import { nodeCrypto } from "../../backend/node-crypto.js";
import { NodeSession } from "../../cli/mqtt/node-session.js";
import {
  admit,
  type CommandClock,
  type CommandRules,
  claimedController,
  judgeCommand,
  type Operator,
} from "../../lib/commands/admission.js";
import { type Command, encodeResult, type ResultValue, type Status } from "../../lib/commands/command.js";
import { decodeWindowRecord } from "../../lib/commands/windows.js";
import type { Key } from "../../lib/crypto/crypto.js";
import { emptyKept } from "../../lib/mqtt/kept-session.js";
import type { ReceivedMessage } from "../../lib/mqtt/session-state.js";
import { thaw } from "../../lib/sealed/frozen.js";
import { plainCbor } from "../../lib/sealed/header.js";
import {
  deriveSealKey,
  deriveStampKey,
  type SealAlgorithm,
  type StampAlgorithm,
} from "../../lib/sealed/keys.js";
import { protect } from "../../lib/sealed/protect.js";

export interface DeviceOptions {
  readonly port: number;
  readonly id: string;
  /** 64 hex digits. */
  readonly secret: string;
  readonly controllers: readonly string[];
  readonly commands?:
    | { readonly protection: "stamp"; readonly alg: StampAlgorithm }
    | { readonly protection: "seal"; readonly alg: SealAlgorithm };
  readonly operator?: Operator;
  readonly onlySigned?: boolean;
  /** Whether its time is authenticated. */
  readonly sure?: boolean;
}

type Handler = (command: Command) => readonly [Status, ResultValue];

export class CommandDevice {
  readonly base: string;
  /** What was acted on. */
  readonly acted: { readonly controller: string; readonly command: Command }[] = [];
  /** What was dropped, and why. */
  readonly dropped: string[] = [];
  /** Every result as it was published. */
  readonly results: Uint8Array[] = [];
  readonly handlers = new Map<string, Handler>([
    ["echo", ({ args }) => ["done", args[0] ?? null]],
    ["sum", ({ args }) => ["done", args.reduce<number>((sum, value) => sum + Number(value), 0)]],
    ["blob", () => ["done", Uint8Array.of(0, 255)]],
    ["break", () => ["failed", "the valve is stuck"]],
    ["reboot", () => ["done", null]],
  ]);
  /** Overrides what is published for a result. */
  alter: (result: Uint8Array) => readonly Uint8Array[] = (result) => [result];
  offsetSeconds = 0;
  readonly #options: DeviceOptions;
  readonly #secret: Key;
  readonly #flash = new Map<number, Uint8Array>();
  #challenge = nodeCrypto.random(8);
  #counter = 0;
  #session: NodeSession | undefined;

  constructor(options: DeviceOptions) {
    this.#options = options;
    this.base = `sensors/${options.id}`;
    this.#secret = nodeCrypto.importSecret(Buffer.from(options.secret, "hex"));
  }

  /** Connects; resolves when the broker has its subscription, or had kept it. */
  wake(): Promise<void> {
    return new Promise((resolve, reject) => {
      const session = new NodeSession({
        endpoint: {
          host: "127.0.0.1",
          port: this.#options.port,
          tls: null,
          websocketPath: undefined,
          loopbackOnly: true,
        },
        session: {
          version: 5,
          clientId: this.#options.id,
          cleanStart: false,
          sessionExpirySeconds: 600,
          keepAliveSeconds: 60,
          subscriptions: [{ filter: `${this.base}/command`, qos: 1 }],
        },
        kept: emptyKept,
        onEffect: (effect) => {
          if (effect.type === "subscribed") resolve();
          if (effect.type === "message") this.take(effect.message);
        },
      });
      this.#session = session;
      session.ended.then((why) => why && reject(new Error(why.detail)));
    });
  }

  async sleep(): Promise<void> {
    await this.#session?.disconnect();
    this.#session = undefined;
  }

  /** A message on its command topic. */
  take({ topic, payload, retain }: Pick<ReceivedMessage, "topic" | "payload" | "retain">): void {
    const { controllers, commands, operator = null, onlySigned = false, sure = true } = this.#options;
    const senders = controllers.map((id) => ({ id, epoch: 0 }));
    const index = claimedController(payload, retain, senders);
    if (index < 0) return void this.dropped.push("nobody's");
    const sender = senders[index]!;
    const channel = { sender, direction: "down", topic } as const;
    const key =
      commands?.protection === "seal"
        ? deriveSealKey(nodeCrypto, this.#secret, channel, commands.alg)
        : deriveStampKey(nodeCrypto, this.#secret, channel, commands?.alg);
    const window = decodeWindowRecord(sender, this.#flash.get(index));
    const admission = admit(nodeCrypto, key, sender, window, payload);
    key.key.close();
    if (admission.verdict !== "fresh") return void this.dropped.push(admission.verdict);
    this.#flash.set(index, admission.record.slice());
    const rules: CommandRules = { topic, operator, onlySigned };
    const nowSeconds = Math.floor(Date.now() / 1000) + this.offsetSeconds;
    const clock: CommandClock = { nowSeconds, known: true, authenticated: sure };
    const kept = this.#flash.get(index);
    const outcome = judgeCommand(nodeCrypto, admission, kept, rules, clock, this.#challenge);
    if (outcome.kind === "not-kept") throw new Error("flash lost the window");
    if (outcome.kind === "answer") return this.#answer(sender.id, admission.counter, outcome.status, null);
    this.acted.push({ controller: sender.id, command: structuredClone(outcome.command) });
    if (outcome.byChallenge) this.#challenge = nodeCrypto.random(8);
    const handler = this.handlers.get(outcome.command.name);
    const [status, value] = handler ? handler(outcome.command) : (["unknown", null] as const);
    this.#answer(sender.id, admission.counter, status, value);
  }

  #answer(controller: string, counter: number, status: Status, value: ResultValue): void {
    const challenge = this.#options.sure === false ? this.#challenge : null;
    const plaintext = encodeResult({ controller, counter, status, value, challenge });
    const result = this.protectResult(plaintext);
    this.results.push(result);
    for (const payload of this.alter(result)) this.publish(payload).catch(() => {});
  }

  /** A genuine message of this device on its result topic. */
  protectResult(plaintext: Uint8Array, contentType: typeof plainCbor | null = plainCbor): Uint8Array {
    const topic = `${this.base}/result`;
    const sender = { id: this.#options.id, epoch: 0 };
    const key = deriveStampKey(nodeCrypto, this.#secret, { sender, direction: "up", topic });
    const counter = this.#counter++;
    const message = thaw(contentType ? { counter, plaintext, contentType } : { counter, plaintext });
    const result = protect(nodeCrypto, key, message);
    key.key.close();
    return result;
  }

  /** @returns the broker's reason code */
  async publish(payload: Uint8Array): Promise<number | undefined> {
    return this.#session?.publish({ topic: `${this.base}/result`, payload, qos: 1 });
  }
}
