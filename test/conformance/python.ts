/** Independent CBOR and cryptography: Python's standard library, cbor2 and cryptography, where they are installed. */
import { spawnSync } from "node:child_process";

// Debian's package serves Debian's interpreter, which need not be the first one on the path.
export const pythonWithCbor = ["python3", "/usr/bin/python3"].find(
  (candidate) => spawnSync(candidate, ["-c", "import cbor2, cryptography"]).status === 0,
);

/** For a test's `skip`. */
export const withoutPython =
  pythonWithCbor === undefined &&
  "left out: no python3 with cbor2 and cryptography (Debian: apt-get install python3-cbor2 python3-cryptography)";
