/** npm's improv-wifi-serial-sdk, which ESP Web Tools use, talks to the device's machine: pages made for it work. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeRequest } from "../../lib/provisioning/messages.js";
import { type ImprovSerial, improvSerial, type SdkLog } from "./improv-sdk.js";
import { MachineBoard } from "./machine-board.js";

const networks = [
  { ssid: "meadow", rssi: -80, secured: true, password: "hay-in-the-barn" },
  { ssid: "burrow", rssi: -48, secured: true, password: "acorns and nuts" },
  { ssid: "café", rssi: -71, secured: false, password: "" },
];

const states = { ready: 2, provisioning: 3, provisioned: 4 } as const;

interface Bench {
  readonly board: MachineBoard;
  readonly improv: ImprovSerial;
  readonly log: SdkLog;
  readonly states: number[];
  /** Bytes to the board as another program's, on the same line. */
  write(bytes: Uint8Array): void;
}

async function onBench(
  how: (board: MachineBoard) => void,
  use: (bench: Bench) => Promise<void>,
): Promise<void> {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const readable = new ReadableStream<Uint8Array>({
    start: (made) => {
      controller = made;
    },
  });
  const board = new MachineBoard({ networks }, (bytes) => controller.enqueue(bytes.slice()));
  how(board);
  const writable = new WritableStream<Uint8Array>({ write: (bytes) => board.received(bytes) });
  const { improv, log } = await improvSerial({ readable, writable });
  const seen: number[] = [];
  improv.addEventListener("state-changed", () => seen.push(improv.state!));
  try {
    await use({ board, improv, log, states: seen, write: (bytes) => board.received(bytes) });
  } finally {
    await improv.close();
    board.close();
  }
}

const text = (line: string) => new TextEncoder().encode(line);
const frame = encodeRequest({ kind: "hello" }, 10);

/** What else is on the line. */
const lines: readonly [name: string, how: (board: MachineBoard) => void][] = [
  ["alone", () => {}],
  [
    "byte by byte",
    (board) => {
      board.pieceBytes = 1;
    },
  ],
  [
    "with log lines between, whole and cut off",
    (board) => {
      board.chatter = [text("join burrow\r\n"), text("half IMPROVised, half a li")];
    },
  ],
  [
    "with frames of ours before every packet, which end without a line feed",
    (board) => {
      board.chatter = [frame, Uint8Array.of(0, 10, 0x49)];
    },
  ],
];

for (const [name, how] of lines)
  test(`${name}: info, scan, wrong credentials, right ones, and the state after each`, () =>
    onBench(how, async ({ board, improv, log, states: seen }) => {
      assert.deepEqual(await improv.initialize(), {
        firmware: "Dormouse",
        version: "0.1.0",
        chipFamily: "esp32c3",
        name: "dormouse-d3e4f5",
        osName: null,
        osVersion: null,
      });
      assert.equal(improv.state, states.ready);
      assert.deepEqual(await improv.scan(2_000), [
        { name: "burrow", rssi: -48, secured: true },
        { name: "café", rssi: -71, secured: false },
        { name: "meadow", rssi: -80, secured: true },
      ]);

      await assert.rejects(
        improv.provision("burrow", "beechnuts", 2_000),
        (why) => why === "UNABLE_TO_CONNECT",
      );
      assert.deepEqual(board.store.keys(), []);
      await improv.requestCurrentState(2_000);
      assert.equal(improv.state, states.ready);

      await improv.provision("burrow", "acorns and nuts", 2_000);
      assert.deepEqual(seen.slice(-2), [states.provisioning, states.provisioned]);
      assert.equal(board.store.readText("wifi-ssid"), "burrow");
      assert.equal(board.store.readText("wifi-password"), "acorns and nuts");
      await improv.requestCurrentState(2_000);
      assert.equal(improv.state, states.provisioned);
      assert.equal(improv.nextUrl, undefined);
      assert.deepEqual(log.errors, []);
    }));

test("a network without a password is joined, and no password is kept", () =>
  onBench(
    () => {},
    async ({ board, improv }) => {
      await improv.initialize();
      await improv.provision("café", "", 2_000);
      assert.deepEqual(board.store.keys(), ["wifi-ssid"]);
    },
  ));

test("a page that comes later is told that Wi-Fi is set; requests of ours between its own disturb neither", () =>
  onBench(
    (board) => {
      board.store.write("wifi-ssid", "burrow");
    },
    async ({ improv, log, write }) => {
      await improv.initialize();
      assert.equal(improv.state, states.provisioned);
      const scanned = improv.scan(2_000);
      write(frame);
      assert.equal((await scanned).length, 3);
      assert.deepEqual(log.errors, []);
    },
  ));

test("a provisioned board tells what it is, and takes no network", () =>
  onBench(
    (board) => {
      board.store.write("record", new Uint8Array(8));
      board.boot();
    },
    async ({ board, improv }) => {
      await improv.initialize();
      assert.equal(improv.info?.firmware, "Dormouse");
      const before = board.store.keys();
      // The SDK has no name for "not authorized", the error that Improv over Bluetooth has.
      await assert.rejects(improv.provision("burrow", "acorns and nuts", 2_000), (why) =>
        /\(4\)/.test(String(why)),
      );
      await assert.rejects(improv.scan(2_000), (why) => /\(4\)/.test(String(why)));
      assert.deepEqual(board.store.keys(), before);
    },
  ));
