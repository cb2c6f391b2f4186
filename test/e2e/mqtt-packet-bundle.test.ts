/**
 * The bundle of mqtt-packet as XS will meet it: no global but the language's own and XS's two string
 * conversions, primordials frozen, and the bundle itself frozen as a preloaded module is.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { build, transform } from "esbuild";
import { generate } from "mqtt-packet";
import { root } from "../../host-sim/paths.js";

const path = `${root}build/mqtt-packet/mqtt-packet.js`;

/** What the bundle finds on a board: frozen before it loads, so that it cannot lean on changing anything. */
const frozenWorld = `
  Object.defineProperty(ArrayBuffer, "fromString", { value: (text) => fromString(text) });
  Object.defineProperty(String, "fromArrayBuffer", { value: (buffer) => fromArrayBuffer(buffer) });
  const seen = new Set();
  const freeze = (value) => {
    if (value === null || (typeof value !== "object" && typeof value !== "function") || seen.has(value)) return;
    seen.add(value);
    if (!ArrayBuffer.isView(value) && value !== globalThis) Object.freeze(value);
    freeze(Object.getPrototypeOf(value));
    for (const key of Reflect.ownKeys(value)) {
      const { value: inner, get, set } = Object.getOwnPropertyDescriptor(value, key);
      for (const one of [inner, get, set]) freeze(one);
    }
  };
  for (const name of Object.getOwnPropertyNames(globalThis)) freeze(globalThis[name]);
  globalThis.freeze = freeze;
  globalThis.bytesOf = (list) => new Uint8Array(list);
`;

interface Bundle {
  /** A value with its bytes as the bundle's own world makes them: `instanceof` sees no others. */
  inside<T>(value: T): T;
  parser(options: object): {
    on(event: string, listener: (value: unknown) => void): void;
    parse(bytes: Uint8Array): number;
  };
  writeToStream(packet: object, sink: object, options: object): boolean;
}

function write(bundle: Bundle, packet: object, options: object): Buffer {
  const chunks: Buffer[] = [];
  const sink = {
    write: (chunk: Uint8Array | string) => chunks.push(Buffer.from(chunk as Uint8Array)) > 0,
    destroy: (error: Error) => {
      throw error;
    },
  };
  bundle.writeToStream(bundle.inside(packet), sink, options);
  return Buffer.concat(chunks);
}

async function load(): Promise<Bundle> {
  const context = createContext({
    fromString: (text: string) => new TextEncoder().encode(text).buffer,
    fromArrayBuffer: (buffer: ArrayBuffer) => new TextDecoder().decode(buffer),
  });
  runInContext(frozenWorld, context);
  const { code } = await transform(readFileSync(path, "utf8"), { format: "iife", globalName: "bundle" });
  runInContext(`"use strict"; ${code}; globalThis.bundle = bundle; freeze({ ...bundle });`, context);
  const inside = (value: unknown): unknown => {
    if (value instanceof Uint8Array) return context.bytesOf([...value]);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, inside(one)]));
  };
  return { ...context.bundle, inside } as Bundle;
}

const packets: [object, object][] = [4, 5].flatMap((protocolVersion) => {
  const withProperties = (properties: object) => (protocolVersion === 5 ? { properties } : {});
  const all = [
    {
      cmd: "connect",
      protocolVersion,
      clientId: "d1",
      keepalive: 60,
      username: "ü",
      password: Buffer.from([0, 255]),
      will: { topic: "w/€", payload: Buffer.from("bye"), qos: 1, retain: true },
      ...withProperties({ sessionExpiryInterval: 3600, maximumPacketSize: 1024, receiveMaximum: 4 }),
    },
    {
      cmd: "publish",
      topic: "a/ä",
      payload: Buffer.alloc(200, 7),
      qos: 1,
      messageId: 258,
      dup: true,
      retain: true,
      ...withProperties({ contentType: "a/b", messageExpiryInterval: 60, userProperties: { a: ["1", "2"] } }),
    },
    { cmd: "puback", messageId: 1, reasonCode: 135, ...withProperties({ reasonString: "nö" }) },
    {
      cmd: "subscribe",
      messageId: 2,
      subscriptions: [{ topic: "a/#", qos: 1, nl: false, rap: true, rh: 1 }],
    },
    {
      cmd: "connack",
      sessionPresent: true,
      returnCode: 0,
      reasonCode: 0,
      ...withProperties({ retainAvailable: false }),
    },
    { cmd: "disconnect", reasonCode: 0 },
    { cmd: "pingreq" },
  ];
  return all.map((packet): [object, object] => [packet, { protocolVersion }]);
});

test("the bundle writes and reads what npm's mqtt-packet does, in a frozen world without Node's globals", async () => {
  const bundle = await load();
  for (const [packet, options] of packets) {
    const bytes = write(bundle, packet, options);
    equal(bytes.toString("hex"), generate(packet as never, options).toString("hex"));
    let parsed: unknown;
    const parser = bundle.parser(options);
    parser.on("packet", (value) => {
      parsed = value;
    });
    for (const byte of bytes) equal(parser.parse(bundle.inside(new Uint8Array([byte]))) >= 0, true);
    const { cmd } = packet as { cmd: string };
    equal((parsed as { cmd: string }).cmd, cmd);
    if (cmd === "publish") {
      const { topic, payload, messageId } = parsed as {
        topic: string;
        payload: Uint8Array;
        messageId: number;
      };
      deepEqual([topic, payload.length, messageId], ["a/ä", 200, 258]);
    }
  }
});

test("lengths of one to four bytes are written as npm's mqtt-packet writes them", async () => {
  const bundle = await load();
  for (const size of [124, 125, 16_380, 16_381, 2_097_148, 2_097_149]) {
    const packet = { cmd: "publish", topic: "a", payload: Buffer.alloc(size), qos: 0 };
    const expected = generate(packet as never);
    ok(write(bundle, packet, { protocolVersion: 4 }).equals(expected), `${size} bytes`);
  }
});

test("an error in a packet goes to the listener", async () => {
  const { parser: makeParser, inside } = await load();
  const parser = makeParser({ protocolVersion: 5 });
  let message = "";
  parser.on("error", (error) => {
    ({ message } = error as Error);
  });
  parser.parse(inside(new Uint8Array([0x36, 0])));
  ok(message.includes("QoS"), message);
});

test("the bundle is small, and traces nothing", async () => {
  const text = readFileSync(path, "utf8");
  equal(/^\s*debug\(/m.test(text), false);
  const { outputFiles } = await build({ entryPoints: [path], minify: true, write: false, format: "esm" });
  ok(outputFiles[0]!.contents.length < 33_500, `${outputFiles[0]!.contents.length} bytes minified`);
});
