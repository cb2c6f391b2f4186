/** A board at a port: opened, and asked who it is. What goes wrong is one line with the port's name and what to do. */
import { randomInt } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { greeting, type Patience, ProvisioningClient } from "../../lib/provisioning/client.js";
import type { PortEvent } from "../../lib/provisioning/demultiplexer.js";
import { HostFailure } from "../../lib/provisioning/host-failure.js";
import type { Info } from "../../lib/provisioning/messages.js";
import { printableLine } from "../mqtt/printable.js";
import { OperatorError } from "../report.js";
import { openPort, PortError } from "./serial-port.js";

/** While a board is waited for: how often it is looked for, and asked. */
const retryMs = 250;
const brief: Patience = [600, 700];

export interface BoardOptions {
  readonly port: string;
  readonly baud: number;
  /** How long it may take until it is there and answers, ms. */
  readonly waitMs?: number | undefined;
  /** Whether it is the one waited for; it is asked of each that answers, and another may come. */
  readonly wanted?: (info: Info, client: ProvisioningClient) => boolean | Promise<boolean>;
  /** Gets the board's log lines. */
  readonly line?: ((text: string) => void) | undefined;
}

export interface Board {
  readonly client: ProvisioningClient;
  readonly info: Info;
  close(): Promise<void>;
}

interface Connection {
  readonly client: ProvisioningClient;
  close(): Promise<void>;
}

/** @throws {PortError} */
async function connect({ port, baud, line }: BoardOptions): Promise<Connection> {
  const heard = (event: PortEvent): void => {
    if (event.kind === "line") line?.(event.text);
  };
  const opened = await openPort(port, baud, {
    received: (bytes) => client.received(bytes),
    gone: () => client.lost(),
  });
  const client = new ProvisioningClient(
    {
      send: (bytes) => opened.send(bytes),
      nowMs: () => performance.now(),
      after: (ms, wake) => {
        const timer = setTimeout(wake, ms);
        return () => clearTimeout(timer);
      },
    },
    randomInt(256),
    heard,
  );
  return {
    client,
    close: () => {
      client.lost();
      return opened.close();
    },
  };
}

/**
 * Opens the port and asks the board who it is; within `waitMs` again and again, else once.
 * @returns the board as it is then, whether it is the one waited for or not
 * @throws {PortError} when the port cannot be opened
 * @throws {HostFailure} when nobody answers
 */
export async function openBoard(options: BoardOptions): Promise<Board> {
  const { waitMs, wanted } = options;
  const untilMs = performance.now() + (waitMs ?? 0);
  const isOver = (): boolean => performance.now() >= untilMs;
  let connection: Connection | undefined;
  for (;;) {
    try {
      connection ??= await connect(options);
      const info = await connection.client.hello(waitMs === undefined ? greeting : brief);
      if (isOver() || !wanted || (await wanted(info, connection.client))) return { ...connection, info };
    } catch (error) {
      const ends = isOver() || !comesYet(error);
      if (ends || !(error instanceof HostFailure) || error.kind !== "no-answer") {
        await connection?.close();
        connection = undefined;
      }
      if (ends) throw error;
    }
    await delay(retryMs);
  }
}

/** What waiting helps against. */
function comesYet(error: unknown): boolean {
  if (error instanceof PortError) return error.comesYet;
  return error instanceof HostFailure && (error.kind === "no-answer" || error.kind === "port-gone");
}

/** The error's line for the operator; what is not the board's stays as it is. */
export function boardProblem(port: string, error: unknown): unknown {
  if (error instanceof PortError) return new OperatorError(printableLine(error.message));
  if (!(error instanceof HostFailure)) return error;
  return new OperatorError(printableLine(`${port}: ${error.message}: ${error.action}`));
}

/** Does `work` with the board, and lets the port go whatever happens. @throws {OperatorError} */
export async function withBoard<T>(options: BoardOptions, work: (board: Board) => Promise<T>): Promise<T> {
  try {
    const board = await openBoard(options);
    try {
      return await work(board);
    } finally {
      await board.close();
    }
  } catch (error) {
    throw boardProblem(options.port, error);
  }
}
