import { decodeLosses, encodeLosses } from "../../../lib/store/losses-record.js";
import { bytes, equal, test } from "../../device/harness.js";

const record = { reservedEnd: 2 ** 32 + 1024, dropped: 5, gap: 17, open: 0 };

test("what was lost has one layout, and is read back", () => {
  const data = encodeLosses(record);
  bytes(data.subarray(0, 18), "4c4f0100000100000400000000050000" + "0011");
  equal(decodeLosses(data), record);
  const open = { ...record, open: 1 };
  bytes(encodeLosses(open).subarray(0, 4), "4c4f0101");
  equal(decodeLosses(encodeLosses(open)), open);
});

test("open is 0 to 3", () => {
  equal(decodeLosses(encodeLosses({ ...record, open: 3 })), { ...record, open: 3 });
  equal(decodeLosses(encodeLosses({ ...record, open: 4 })), undefined);
});

test("anything off is none", () => {
  const data = encodeLosses(record);
  equal(decodeLosses(undefined), undefined);
  for (let i = 0; i < data.length; i++) {
    const off = data.slice();
    off[i]! ^= 1;
    equal(decodeLosses(off), undefined, `flip at ${i}`);
    equal(decodeLosses(data.slice(0, i)), undefined, `cut to ${i}`);
  }
});
