/** Round trips from TCP SYN to PUBACK, of Dormouse and of other clients. */
import type { Benchmark } from "./benchmark.js";
import { contest, nagle } from "./contest.js";

export const roundtrips: Benchmark = {
  about: "round trips from TCP SYN to PUBACK on TLS 1.3, beside mosquitto_pub, mqtt.js and Paho",
  async run() {
    const { standings, missing } = await contest();
    return {
      title: "Round trips from TCP SYN to PUBACK, QoS 1, TLS 1.3",
      rows: standings.map(({ client, handshake, roundTrips, measured, bytesUp, bytesDown }) => ({
        client,
        handshake,
        "round trips": roundTrips,
        measured: measured.toFixed(2),
        "bytes up": bytesUp,
        "bytes down": bytesDown,
      })),
      notes: [nagle, ...missing],
      json: Object.fromEntries(standings.map(({ client, roundTrips }) => [client, roundTrips])),
    };
  },
};
