/** Nothing of a message is given out, and nothing behind the cryptography begun, before the cryptography has agreed. */
import type { Crypto } from "../../../lib/crypto/crypto.js";
import { openOperator } from "../../../lib/sealed/operator.js";
import { closeKey, open, protect } from "../../../lib/sealed/protect.js";
import { equal, fromHex, ok, test } from "../../device/harness.js";
import { messageOf, pairsOf, verifiedOf } from "./pairs.js";
import { stampKeyOf } from "./vector-keys.js";
import type { OperatorRejects } from "./vectors.js";

/** Says no to everything, and counts how often it was asked. */
function denying(crypto: Crypto, asked: string[]): Crypto {
  return {
    ...crypto,
    hmac: () => {
      asked.push("hmac");
      return new Uint8Array(32);
    },
    decrypt: () => {
      asked.push("decrypt");
      return undefined;
    },
    verify: () => {
      asked.push("verify");
      return false;
    },
    sha256: (data) => {
      asked.push("sha256");
      return crypto.sha256(data);
    },
  };
}

function recording(crypto: Crypto, asked: string[]): Crypto {
  const noted = <A extends unknown[], R>(name: string, call: (...args: A) => R) => {
    return (...args: A) => {
      asked.push(name);
      return call(...args);
    };
  };
  return {
    ...crypto,
    hmac: noted("hmac", crypto.hmac),
    decrypt: noted("decrypt", crypto.decrypt),
    verify: noted("verify", crypto.verify),
    sha256: noted("sha256", crypto.sha256),
  };
}

/** What each protection asks for, in order: the identity of a signature is worked out when it was right. */
const steps: Readonly<Record<string, readonly string[]>> = {
  stamp: ["hmac"],
  seal: ["decrypt"],
  sign: ["verify", "sha256"],
  sealTo: ["decrypt"],
  "sealTo, signed": ["decrypt", "verify", "sha256"],
};

test("when the cryptography says no, a message gives out nothing, and nothing follows", (platform) => {
  for (const { name, sender, receiver } of pairsOf(platform)) {
    const asked: string[] = [];
    const message = protect(platform.crypto, sender, messageOf(1));
    // The whole of it: no payload, no counter.
    equal(open(denying(platform.crypto, asked), receiver, message), {
      verdict: "bad",
      reason: "not-authentic",
    });
    equal(asked, steps[name.split(" ")[0]!.replace(",", "")]!.slice(0, 1), name);
    closeKey(sender);
    closeKey(receiver);
  }
});

test("what is decrypted but not signed as demanded gives out nothing", (platform) => {
  for (const { sender, receiver } of pairsOf(platform, undefined, ["sealTo, signed"])) {
    const asked: string[] = [];
    const message = protect(platform.crypto, sender, messageOf(1));
    const { decrypt } = platform.crypto;
    const half: Crypto = { ...denying(platform.crypto, asked), decrypt };
    equal(open(half, receiver, message), { verdict: "bad", reason: "not-authentic" });
    equal(asked, ["verify"]);
    closeKey(sender);
    closeKey(receiver);
  }
});

test("when it says yes, it was asked, once, and before all else", (platform) => {
  for (const { name, sender, receiver, verdict } of pairsOf(platform)) {
    const asked: string[] = [];
    const message = protect(platform.crypto, sender, messageOf(1));
    equal(open(recording(platform.crypto, asked), receiver, message).verdict, verdict);
    equal(asked, steps[name] ?? steps[name.split(" ")[0]!], name);
    closeKey(sender);
    closeKey(receiver);
  }
});

test("a malformed message never reaches the cryptography", (platform) => {
  for (const { name, sender, receiver } of pairsOf(platform)) {
    const asked: string[] = [];
    const message = protect(platform.crypto, sender, messageOf(1));
    const longer = new Uint8Array(message.length + 1);
    longer.set(message);
    equal(open(denying(platform.crypto, asked), receiver, longer), { verdict: "bad", reason: "malformed" });
    equal(asked, [], name);
    closeKey(sender);
    closeKey(receiver);
  }
});

test("an operator's command is given out when its signature was right, not before", (platform) => {
  const { name, crypto, vectors } = platform;
  if (name === "noble") return;
  const file = vectors("sealed/operator-reject") as OperatorRejects;
  const key = stampKeyOf(crypto, { ...file, alg: 5 });
  const outer = verifiedOf(crypto, key, fromHex(file.cases[0]!.message));
  const operator = {
    kid: fromHex(file.operatorKid),
    key: crypto.importVerifyingKey(fromHex(file.operatorPoint)),
  };
  const asked: string[] = [];
  equal(openOperator(denying(crypto, asked), operator, file.topic, outer), {
    verdict: "bad",
    reason: "not-authentic",
  });
  ok(openOperator(crypto, operator, file.topic, outer).verdict === "verified", "the sibling");
  equal(asked, ["verify"]);
  closeKey(key);
  operator.key.close();
});
