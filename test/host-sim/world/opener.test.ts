import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { root } from "../../../host-sim/paths.js";
import { type Accepted, open, openOperator, type Sender, senderKid } from "../../../host-sim/world/opener.js";
import { contextIv, publicKeyOf, type SealAlgorithm, sealKey } from "../../../host-sim/world/seal-keys.js";
import { encodeDeterministic } from "../../../host-sim/world/strict-cbor.js";
import { protect, secret, sender, senml, signed, topic } from "./sealing.js";

function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(join(root, "test/vectors/sealed", `${name}.json`), "utf8"));
}

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");

describe("the vectors of keys", () => {
  test("kids", () => {
    const { cases } = vectors<{
      cases: { senderId: string; epoch: number; kid: string; shortKid?: string }[];
    }>("kid");
    for (const { senderId, epoch, kid } of cases)
      assert.equal(hex(senderKid({ ...sender, id: senderId, epoch })), kid);
  });

  test("keys and Context IVs of seals", () => {
    type Case = { secret: string; senderId: string; epoch: number; direction: "up" | "down"; topic: string };
    const channel = ({ senderId: id, epoch, direction, topic }: Case) => ({ id, epoch, direction, topic });
    let checked = 0;
    for (const one of vectors<{ cases: (Case & { alg: number; key: string })[] }>("kdf").cases) {
      if (one.alg === 4 || one.alg === 5) continue;
      assert.equal(hex(sealKey(bytes(one.secret), channel(one), one.alg as SealAlgorithm)), one.key);
      checked++;
    }
    for (const one of vectors<{ cases: (Case & { contentAlg: SealAlgorithm; iv: string })[] }>("context-iv")
      .cases)
      assert.equal(hex(contextIv(bytes(one.secret), channel(one), one.contentAlg)), one.iv);
    assert.ok(checked >= 4);
  });
});

const pair = () => generateKeyPairSync("ec", { namedCurve: "P-256" });
const device = pair();
const recipient = pair();
const sealTo = {
  protection: "sealTo",
  recipientKid: Buffer.from("plant-7"),
  privateKey: recipient.privateKey,
} as const;

const protections: Readonly<Record<string, Accepted>> = {
  "hmac-256": { protection: "stamp", algorithm: 5, secret },
  "hmac-256-64": { protection: "stamp", algorithm: 4, secret },
  a128gcm: { protection: "seal", algorithm: 1, secret },
  a256gcm: { protection: "seal", algorithm: 3, secret },
  "aes-ccm-16-64-128": { protection: "seal", algorithm: 10, secret },
  "chacha20-poly1305": { protection: "seal", algorithm: 24, secret },
  es256: { protection: "sign", publicKey: device.publicKey },
  "sealTo, signed": { ...sealTo, signer: device.publicKey },
  "sealTo, unsigned": { ...sealTo, signer: null },
};

for (const [name, accepts] of Object.entries(protections))
  describe(name, () => {
    const by: Sender = { ...sender, accepts };
    const nobodys = name === "sealTo, unsigned";
    const signingKey = device.privateKey;
    const draft = { by, signingKey, counter: 258, payload: senml(21.5) };
    const message = protect(draft);
    const opened = (data: Uint8Array, on = topic, from: Sender = by) =>
      !("refused" in open(data, on, [from]));

    test("what the next tests damage is accepted as it is, with all that was put in", () => {
      for (const [counter, contentType] of [
        [0, null],
        [258, 110],
        [2 ** 40 - 1, 60],
      ] as const) {
        const found = open(protect({ ...draft, counter, contentType }), topic, [by]);
        assert.ok(!("refused" in found), JSON.stringify(found));
        assert.equal(hex(found.payload), hex(senml(21.5)));
        assert.equal(found.contentType, contentType);
        assert.equal(found.counter, nobodys ? null : counter);
        assert.equal(found.identity === null, nobodys);
        assert.deepEqual(found.kid, nobodys ? null : senderKid(by));
      }
    });

    test("an empty payload is one", () => {
      const found = open(protect({ ...draft, payload: new Uint8Array(0) }), topic, [by]);
      assert.ok(!("refused" in found) && found.payload.length === 0);
    });

    test("refuses every truncation, and a byte more", () => {
      for (let length = 0; length < message.length; length++)
        assert.ok(!opened(message.subarray(0, length)), `${length} bytes`);
      assert.ok(!opened(Buffer.concat([message, Buffer.of(0)])));
    });

    test("refuses every flip of one bit", () => {
      for (let bit = 0; bit < message.length * 8; bit++) {
        const damaged = Buffer.from(message);
        damaged[bit >> 3]! ^= 1 << (bit & 7);
        assert.ok(!opened(damaged), `bit ${bit}`);
      }
    });

    test("refuses another topic, and a topic longer than any", () => {
      assert.ok(!opened(message, "sensors/dormouse-2/readings"));
      assert.ok(!opened(message, "t".repeat(65_535)));
    });

    if (!nobodys)
      test("refuses another epoch, id and short name, each one step away", () => {
        assert.ok(!opened(message, topic, { ...by, epoch: 2 }));
        assert.ok(!opened(message, topic, { ...by, id: "dormouse-2" }));
        const named = { ...by, kid: bytes("a1b2") };
        assert.ok(!opened(message, topic, named));
        assert.ok(opened(protect({ ...draft, by: named }), topic, named));
        assert.ok(!opened(protect({ ...draft, by: named }), topic, { ...by, kid: bytes("a1b3") }));
        assert.ok(!opened(protect({ ...draft, by: named })));
      });

    test("refuses another key", () => {
      const others: Accepted =
        "secret" in accepts
          ? { ...accepts, secret: secret.map((byte, n) => (n === 31 ? byte ^ 1 : byte)) }
          : accepts.protection === "sign"
            ? { ...accepts, publicKey: recipient.publicKey }
            : ({ ...accepts, privateKey: device.privateKey } as Accepted);
      assert.ok(!opened(message, topic, { ...by, accepts: others }));
    });

    if ("secret" in accepts)
      test("goes down as well as up, and neither passes for the other", () => {
        const down: Sender = { ...by, direction: "down" };
        const command = protect({ ...draft, by: down, contentType: 18 });
        assert.ok(opened(command, topic, down));
        assert.ok(!opened(protect({ ...draft, contentType: 18 })));
        assert.ok(!opened(message, topic, down));
        assert.ok(!opened(protect({ ...draft, by: down })));
      });

    // What is signed inside is unauthenticated where no signer is known.
    for (const [other, otherwise] of Object.entries(protections))
      if (other !== name && !(name === "sealTo, signed" && other === "sealTo, unsigned"))
        test(`refuses it where ${other} is due`, () => {
          assert.ok(!opened(message, topic, { ...by, accepts: otherwise }));
        });
  });

describe("sealed to a recipient", () => {
  const nobodys: Sender = { ...sender, accepts: protections["sealTo, unsigned"]! };
  const signedBy: Sender = { ...sender, accepts: protections["sealTo, signed"]! };
  const draft = { counter: 1, payload: senml(1), signingKey: device.privateKey };

  test("by a signer that is not the one known", () => {
    const found = open(protect({ ...draft, by: signedBy, signingKey: recipient.privateKey }), topic, [
      signedBy,
    ]);
    assert.deepEqual(found, { refused: "does not verify" });
  });

  test("to another kid of the same key", () => {
    const other: Sender = {
      ...nobodys,
      accepts: { ...sealTo, recipientKid: Buffer.from("plant-8"), signer: null },
    };
    assert.deepEqual(open(protect({ ...draft, by: nobodys }), topic, [other]), { refused: "unknown kid" });
  });

  test("the signature counts for one recipient: passed on to another it is refused", () => {
    // As a dishonest recipient would, who seals anew what it has opened.
    const mine = { ...sealTo, recipientKid: Buffer.from("plant-8"), signer: null } as const;
    const inner = signed(
      senderKid(signedBy),
      encodeDeterministic([topic, mine.recipientKid]),
      device.privateKey,
      draft,
    );
    const outer = (accepts: Accepted, contentType: number) =>
      protect({ by: { ...sender, accepts }, counter: 0, payload: inner, contentType });
    const right: Sender = { ...sender, accepts: { ...mine, signer: device.publicKey } };
    assert.ok(!("refused" in open(outer(mine, 18), topic, [right])));
    assert.deepEqual(open(outer({ ...sealTo, signer: null }, 18), topic, [signedBy]), {
      refused: "does not verify",
    });
  });

  test("a signature within that nobody can check makes nobody its sender", () => {
    const found = open(protect({ ...draft, by: signedBy, contentType: 110 }), topic, [nobodys]);
    assert.ok(!("refused" in found), JSON.stringify(found));
    assert.deepEqual([hex(found.payload), found.contentType], [hex(senml(1)), 110]);
    assert.deepEqual([found.kid, found.counter, found.identity], [null, null, null]);
    const empty: Sender = { ...sender, accepts: { ...sealTo, signer: null } };
    const nonsense = protect({ ...draft, by: empty, contentType: 18 });
    assert.ok("refused" in open(nonsense, topic, [nobodys]));
  });
});

test("two signatures of one message are the same message", () => {
  const by: Sender = { ...sender, accepts: protections.es256! };
  const draft = { by, signingKey: device.privateKey, counter: 7, payload: senml(1) };
  const [one, two] = [protect(draft), protect(draft)];
  assert.notEqual(hex(one), hex(two));
  const [a, b] = [open(one, topic, [by]), open(two, topic, [by])];
  assert.ok(!("refused" in a) && !("refused" in b));
  assert.deepEqual(a.identity, b.identity);
});

test("an operator's signature within a command: for one topic, controller and counter", () => {
  const controller: Sender = { ...sender, id: "boss", direction: "down" };
  const operator = { kid: Buffer.from("op"), publicKey: device.publicKey };
  const aad = (to: string, by: Sender) => encodeDeterministic([to, senderKid(by)]);
  const draft = { counter: 9, payload: encodeDeterministic(["pins"]), contentType: 60 };
  const inner = signed(operator.kid, aad(topic, controller), device.privateKey, draft);
  const result = (payload: Uint8Array, by = controller, counter = 9) => {
    const found = open(protect({ by, counter, payload, contentType: 18 }), topic, [by]);
    assert.ok(!("refused" in found), JSON.stringify(found));
    return openOperator(found, topic, operator);
  };
  assert.deepEqual(result(inner), new Uint8Array(draft.payload));
  assert.deepEqual(result(inner, controller, 10), { refused: "signed for another counter" });
  assert.deepEqual(result(inner, { ...controller, id: "other" }), { refused: "does not verify" });
  const elsewhere = signed(operator.kid, aad("t", controller), device.privateKey, draft);
  assert.deepEqual(result(elsewhere), { refused: "does not verify" });
  const stranger = signed(Buffer.from("oq"), aad(topic, controller), device.privateKey, draft);
  assert.deepEqual(result(stranger), { refused: "unknown kid" });
});

test("among several senders each is heard, and nobody else", () => {
  const senders = ["a", "b", "c"].map((id): Sender => ({ ...sender, id }));
  for (const by of senders) {
    const found = open(protect({ by, counter: 0, payload: senml(1) }), topic, senders);
    assert.ok(!("refused" in found) && found.sender === by);
  }
  const stranger = protect({ by: { ...sender, id: "d" }, counter: 0, payload: senml(1) });
  assert.deepEqual(open(stranger, topic, senders), { refused: "unknown kid" });
  assert.deepEqual(open(stranger, topic, []), { refused: "no sender is known" });
});

/** As anybody with `openssl` may have it. */
test("keys come from PEM and from points alike", () => {
  const { x, y } = device.publicKey.export({ format: "jwk" });
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x!, "base64url"), Buffer.from(y!, "base64url")]);
  assert.ok(publicKeyOf(point).equals(device.publicKey));
  const pem = device.privateKey.export({ type: "pkcs8", format: "pem" });
  assert.ok(createPublicKey(createPrivateKey(pem)).equals(device.publicKey));
  const off = Buffer.from(point);
  off[64]! ^= 1;
  assert.throws(() => publicKeyOf(off));
});
