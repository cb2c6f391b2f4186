/** An independent CBOR and HMAC: Python's standard library and its cbor2 package, where they are installed. */
import { spawnSync } from "node:child_process";

// Debian's package serves Debian's interpreter, which need not be the first one on the path.
export const pythonWithCbor = ["python3", "/usr/bin/python3"].find(
  (candidate) => spawnSync(candidate, ["-c", "import cbor2"]).status === 0,
);

/** For a test's `skip`. */
export const withoutPython =
  pythonWithCbor === undefined && "left out: no python3 with cbor2 (Debian: apt-get install python3-cbor2)";
