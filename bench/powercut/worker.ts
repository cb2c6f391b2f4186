/** A shard as a process of its own: an order on standard input, a line after some lives, and the outcome at the end. */
import { text } from "node:stream/consumers";
import { type Order, runShard } from "./shard.js";

const every = 25;

const order = JSON.parse(await text(process.stdin)) as Omit<Order, "replaced"> & {
  replaced: [string, string][];
};
const outcome = await runShard({ ...order, replaced: new Map(order.replaced) }, ({ runs }) => {
  if (runs % every === 0) process.stdout.write(`${JSON.stringify({ done: every })}\n`);
  return true;
});
process.stdout.write(`${JSON.stringify({ outcome })}\n`);
