import type { Crypto } from "../../../lib/crypto/crypto.js";
import { thaw } from "../../../lib/sealed/frozen.js";
import { encodeKid } from "../../../lib/sealed/keys.js";
import { type OperatorKey, openOperator, signOperator } from "../../../lib/sealed/operator.js";
import { closeKey, open, protect } from "../../../lib/sealed/protect.js";
import { bytes, equal, fromHex, test, throws } from "../../device/harness.js";
import { sealKeyOf, stampKeyOf } from "./vector-keys.js";
import { casesOf, type OperatorCase, type OperatorRejects } from "./vectors.js";

function outerKeyOf(crypto: Crypto, vector: OperatorCase | OperatorRejects) {
  const { alg, ...rest } = vector;
  const about = { ...rest, name: "", payload: "", message: "", cases: [] };
  return alg === 5 ? stampKeyOf(crypto, { ...about, alg }) : sealKeyOf(crypto, { ...about, alg });
}

function operatorOf(crypto: Crypto, vector: OperatorCase | OperatorRejects): OperatorKey {
  return { kid: fromHex(vector.operatorKid), key: crypto.importVerifyingKey(fromHex(vector.operatorPoint)) };
}

test("an operator's consent is that of the vectors, within stamp and seal", ({ name, crypto, vectors }) => {
  if (name === "noble") return;
  for (const vector of casesOf<OperatorCase>(vectors("sealed/operator"))) {
    const { counter, topic } = vector;
    const key = outerKeyOf(crypto, vector);
    const signing = {
      kid: fromHex(vector.operatorKid),
      key: crypto.importSigningKey(fromHex(vector.operatorKey)),
    };
    const kid = encodeKid({ id: vector.senderId, epoch: vector.epoch });
    const command = thaw({ plaintext: fromHex(vector.command), contentType: 60, counter });
    const plaintext = signOperator(crypto, signing, { topic, kid }, command);
    bytes(plaintext, vector.signed, "signed");
    const message = protect(crypto, key, thaw({ plaintext, contentType: 18, counter }));
    bytes(message, vector.message, vector.name);
    const outer = open(crypto, key, message);
    if (outer.verdict !== "verified") throw new Error(outer.verdict);
    const operator = operatorOf(crypto, vector);
    const inner = openOperator(crypto, operator, topic, outer.message);
    if (inner.verdict !== "verified") throw new Error(inner.verdict);
    bytes(inner.message.payload, vector.command);
    closeKey(key);
    signing.key.close();
    operator.key.close();
  }
});

test("what the operator did not sign for this very message is bad", ({ name, crypto, vectors }) => {
  if (name === "noble") return;
  const file = vectors("sealed/operator-reject") as OperatorRejects;
  const key = outerKeyOf(crypto, file);
  const operator = operatorOf(crypto, file);
  for (const { name, accept, message } of file.cases) {
    const outer = open(crypto, key, fromHex(message));
    if (outer.verdict !== "verified") throw new Error(`${name}: ${outer.verdict}`);
    const inner = openOperator(crypto, operator, file.topic, outer.message);
    equal(inner.verdict, accept ? "verified" : "bad", name);
  }
  closeKey(key);
  operator.key.close();
});

test("an operator signs commands only, under a kid of 1 to 32 bytes", ({ name, crypto, vectors }) => {
  if (name === "noble") return;
  const [vector] = casesOf<OperatorCase>(vectors("sealed/operator"));
  const key = crypto.importSigningKey(fromHex(vector!.operatorKey));
  const outer = { topic: vector!.topic, kid: Uint8Array.of(1) };
  const command = thaw({ plaintext: Uint8Array.of(0x80), contentType: 60, counter: 1 } as const);
  const { contentType, ...reading } = command;
  signOperator(crypto, { kid: new Uint8Array(32), key }, outer, command);
  throws(() => signOperator(crypto, { kid: new Uint8Array(32), key }, outer, thaw(reading)), RangeError);
  for (const length of [0, 33])
    throws(() => signOperator(crypto, { kid: new Uint8Array(length), key }, outer, command), RangeError);
  equal(contentType, 60);
  key.close();
});
