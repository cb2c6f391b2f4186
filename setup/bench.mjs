/** `npm run bench -- NAME [--json]`: makes ready, then runs one benchmark of bench/. */
import { main } from "./main.mjs";
import { ready } from "./ready.mjs";
import { build } from "./steps.mjs";

await main(async () => {
  await ready({ engine: true });
  const { bench } = await import(`${build}/js/bench/main.js`);
  return bench(process.argv.slice(2));
});
