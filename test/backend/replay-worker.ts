/** `node replay-worker.js FILE FROM`: admits counters from FROM upwards in batches until killed; prints each that is fresh. */
import { writeSync } from "node:fs";
import { SqliteReplayStore } from "../../backend/replay/sqlite.js";
import { arrival } from "./replay-arrival.js";

const [, , file, from] = process.argv;
const store = new SqliteReplayStore(file!);
for (let first = Number(from); ; first += 10) {
  const batch = Array.from({ length: 10 }, (_, n) => first + n);
  const verdicts = await Promise.all(batch.map((counter) => store.admit(arrival(counter))));
  const fresh = batch.filter((_, n) => verdicts[n] === "fresh");
  writeSync(1, `${first}: ${fresh.join(" ")}\n`);
}
