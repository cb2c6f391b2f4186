/**
 * What one wake costs: on each board the bytes on the wire and the bytecodes executed, and beside other clients that
 * publish as much to the same broker, the bytes and the round trips.
 */

import { boardNames } from "../host-sim/board.js";
import type { Summary } from "../host-sim/report/events.js";
import { type Benchmark, type Row, render } from "./benchmark.js";
import { contest, nagle } from "./contest.js";
import { quietRun } from "./run-sim.js";

export const wake: Benchmark = {
  about:
    "bytes and bytecodes of a wake, per board, and bytes and round trips beside mosquitto_pub, mqtt.js and Paho",
  async run() {
    const more = 4;
    const rows: Row[] = [];
    for (const board of boardNames) {
      const first = (await quietRun(board, 1)).summary;
      const all = (await quietRun(board, 1 + more)).summary;
      const later = (count: (summary: Summary) => number) => Math.round((count(all) - count(first)) / more);
      if (all.resumed !== more)
        throw new Error(`${board}: ${all.resumed} of ${more} handshakes were resumed`);
      rows.push({
        board,
        handshake: "full",
        "bytes up": first.bytesUp,
        "bytes down": first.bytesDown,
        bytecodes: first.bytecodesMedian,
      });
      rows.push({
        board,
        handshake: "resumed",
        "bytes up": later(({ bytesUp }) => bytesUp),
        "bytes down": later(({ bytesDown }) => bytesDown),
        bytecodes: all.bytecodesMedian,
      });
    }
    const { standings, missing } = await contest();
    const clients: Row[] = standings.map(({ client, handshake, roundTrips, bytesUp, bytesDown }) => ({
      client,
      handshake,
      "bytes up": bytesUp,
      "bytes down": bytesDown,
      bytes: bytesUp + bytesDown,
      "round trips": roundTrips,
    }));
    return {
      title: `Cost of the first wake, and of each of ${more} after it`,
      rows,
      notes: [
        render({ title: "One message of 141 bytes to Mosquitto, QoS 1, TLS 1.3", rows: clients }),
        nagle,
        ...missing,
      ],
      json: { bench: "wake", rows, clients },
    };
  },
};
