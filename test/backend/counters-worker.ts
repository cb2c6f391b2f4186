/** `node counters-worker.js FILE`: takes counters until killed, and prints each. */
import { writeSync } from "node:fs";
import { Counters } from "../../backend/counters.js";

const counters = new Counters(process.argv[2]!);
for (;;) writeSync(1, `${await counters.reserve({ sender: "office", device: "d", epoch: 0 })}\n`);
