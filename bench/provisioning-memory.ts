/** What a whole provisioning session takes of a board's machine, over its serial port: from the first hello to the restart. */
import type { BoardName } from "../host-sim/board.js";
import type { Meters } from "../host-sim/device.js";
import { SerialBoard } from "../test/firmware/serial-board.js";
import { planFor, provisionBy } from "../test/firmware/session.js";

/** @throws {Error} when the session does not end with a restart */
export async function provisioningMemory(name: BoardName): Promise<Meters> {
  const board = await SerialBoard.start(name, { measure: true });
  try {
    const booted = board.boot("power-on");
    await provisionBy(board.connect(), planFor(name));
    const { reason, heap } = await booted;
    if (reason !== "restart") throw new Error(`the board ended with ${reason}`);
    return heap;
  } finally {
    await board.stop();
  }
}
