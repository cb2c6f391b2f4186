/** `npm run build`: for programs that use Dormouse's library: npm packages, and JavaScript with its types in build/js. */
import { main } from "./main.mjs";
import { ready } from "./ready.mjs";

await main(async () => {
  await ready({ engine: false });
  return 0;
});
