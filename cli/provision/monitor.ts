/**
 * `dormouse monitor`: what a board logs. Frames and Improv packets on the same port are taken out. Nothing is sent, and
 * opening the port resets no board.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import { Demultiplexer, type PortEvent } from "../../lib/provisioning/demultiplexer.js";
import { printableJson, printableLine } from "../mqtt/printable.js";
import { OperatorError } from "../report.js";
import { boardProblem } from "./board.js";
import { type PortFlags, portFlags } from "./port-flags.js";
import { type OpenPort, openPort, PortError, type PortEvents } from "./serial-port.js";

const retryMs = 250;

async function monitor({ port, baud, wait, json }: PortFlags): Promise<void> {
  const lines = new Demultiplexer();
  const shown = (events: readonly PortEvent[]): void => {
    for (const event of events) if (event.kind === "line") show(event.text, json);
  };
  let pause: NodeJS.Timeout | undefined;
  const received = (bytes: Uint8Array): void => {
    clearTimeout(pause);
    const nowMs = performance.now();
    shown(lines.receive(bytes, nowMs));
    const { nextWakeAtMs } = lines;
    if (nextWakeAtMs !== undefined)
      pause = setTimeout(() => received(new Uint8Array(0)), Math.max(0, nextWakeAtMs - nowMs));
  };
  let end: (why: "gone" | "interrupted") => void = () => {};
  const ended = new Promise<"gone" | "interrupted">((resolve) => {
    end = resolve;
  });
  const stop = (): void => end("interrupted");
  const events: PortEvents = { received, gone: () => end("gone") };
  const opened = await openWithin(wait, () => openPort(port, baud, events)).catch((error: unknown) => {
    throw boardProblem(port, error);
  });
  process.once("SIGINT", stop).once("SIGTERM", stop);
  const why = await ended;
  clearTimeout(pause);
  process.off("SIGINT", stop).off("SIGTERM", stop);
  await opened.close();
  if (why === "gone") throw new OperatorError(`${port} was unplugged, or its simulated device ended`);
}

/** A port that is not there yet is waited for. */
async function openWithin(waitMs: number | undefined, open: () => Promise<OpenPort>): Promise<OpenPort> {
  const untilMs = performance.now() + (waitMs ?? 0);
  for (;;)
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof PortError) || !error.comesYet || performance.now() >= untilMs) throw error;
      await delay(retryMs);
    }
}

function show(text: string, json: boolean | undefined): void {
  console.log(json ? printableJson({ at: new Date().toISOString(), line: text }) : printableLine(text));
}

export function addMonitorCommand(parent: Command): void {
  portFlags(parent.command("monitor"), "one JSON object a line: at, line")
    .description("Show what a board logs, until Ctrl-C. Frames and Improv packets are left out.")
    .addHelpText("after", "\nExample:\n  $ dormouse monitor --port /dev/ttyUSB0")
    .action(monitor);
}
