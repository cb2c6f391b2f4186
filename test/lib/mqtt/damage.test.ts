/**
 * Every packet that a session accepts from a broker, in place: cut short at every byte, with and without a length that
 * fits, with every bit and every byte flipped, one byte at a time, and split at every boundary.
 */
import { test } from "../../device/harness.js";
import { connected } from "../../device/mqtt-script.js";
import { arrives, flips, samples, shrinks, waits } from "./damaged-packets.js";

for (const sample of samples)
  test(`${sample.name}: whole, in pieces, cut short, and with any bit or byte flipped`, () => {
    arrives(sample);
    waits(sample);
    shrinks(sample);
    flips(sample);
  });

test("two packets in one piece, and what follows the end is ignored", () => {
  const script = connected().publish({}, 1).publish({}, 2).skip();
  script.receive("4002000140020002").expect("acked 1 #1 0", "acked 2 #2 0");
  script.receive("e0018bffffffffff").expect("failed broker-refused 139", "closed");
});
