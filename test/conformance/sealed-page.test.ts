/** docs/sealed.md is true: its examples are the first vectors, and its receiver judges all vectors rightly. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pythonWithCbor, withoutPython } from "./python.js";
import { projectRoot } from "./shared.js";

const page = readFileSync(join(projectRoot, "docs/sealed.md"), "utf8");
const vectors = join(projectRoot, "test/vectors/sealed");

function firstCase(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(vectors, `${name}.json`), "utf8")).cases[0];
}

test("the page's examples are the first vectors", () => {
  const blocks = [...page.matchAll(/```hex ([\w-]+)\.(\w+)\n([0-9a-f]+)\n```/g)];
  assert.equal(blocks.length, [...page.matchAll(/```hex /g)].length, "each names file and field");
  assert.deepEqual(new Set(blocks.map(([, file]) => file)), new Set(filesWithExamples));
  for (const [, file, field, hex] of blocks) assert.equal(hex, firstCase(file!)[field!], `${file} ${field}`);
});

const filesWithExamples = [
  "kdf",
  "context-iv",
  "next-secret",
  "stamp",
  "seal",
  "sign",
  "seal-to",
  "operator",
];

const judge = `
import json, pathlib, sys
from cryptography.hazmat.primitives import serialization

def check(name, case, file):
    get = lambda field: case.get(field, file.get(field))
    data = lambda field: bytes.fromhex(get(field))
    message, topic = data("message"), get("topic")
    kid = lambda about: kid_of(about["senderId"], about["epoch"], bytes.fromhex(about.get("shortKid") or ""))
    public = lambda about: ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex(about["point"]))
    about = {**file, **case}
    counter = get("counter")
    if name.startswith("seal-to"):
        private = serialization.load_der_private_key(data("recipientKey"), None)
        signer = get("signer") and (public(get("signer")), kid(get("signer")))
        found = verify(open_seal_to, message, private, data("recipientKid"), topic, signer)
        if not signer:
            counter = None
        if "withoutSigner" in case:
            anyone = verify(open_seal_to, message, private, data("recipientKid"), topic)
            # Whether what is inside is well formed is seen when it is verified.
            assert case["withoutSigner"] == "bad" or anyone is not None, case["name"]
    elif name.startswith("sign"):
        found = verify(open_sign, message, public(about), kid(about), topic.encode())
    else:
        opener = open_stamp if name.startswith("stamp") else open_seal
        channel = [get("senderId"), get("epoch"), get("direction"), topic]
        found = verify(opener, message, data("secret"), get("alg"), kid(about), *channel)
    wanted = (counter, get("contentType"), data("payload")) if case.get("accept", True) else None
    assert found == wanted, (name, case["name"], found)

checked = 0
for name in sys.argv[2:]:
    file = json.loads((pathlib.Path(sys.argv[1]) / (name + ".json")).read_text())
    for case in file["cases"]:
        check(name, case, file)
        checked += 1
print(checked)
`;

const judged = [
  ...["stamp", "stamp-reject", "seal", "seal-reject-chacha", "seal-reject-ccm"],
  ...["sign", "sign-reject", "seal-to", "seal-to-reject"],
];

test("the page's receiver accepts and refuses as the vectors say", { skip: withoutPython }, () => {
  const [, receiver] = /```python\n([\s\S]*?)```/.exec(page)!;
  const checked = execFileSync(pythonWithCbor!, ["-", vectors, ...judged], {
    input: receiver + judge,
    encoding: "utf8",
  });
  assert.ok(Number(checked) > 300, checked);
});
