import { deriveBrokerPassword, passwordContext } from "../../../lib/auth/broker-password.js";
import { deriveSecretId, deriveStampKey } from "../../../lib/sealed/keys.js";
import { bytes, equal, fromHex, test, throws } from "../../device/harness.js";
import { casesOf } from "../sealed/vectors.js";
import { ascii, type PasswordCase } from "./vectors.js";

test("the password is that of the vectors", ({ crypto, vectors }) => {
  const seen = new Set<string>();
  for (const { secret, deviceId, epoch, info, password } of casesOf<PasswordCase>(
    vectors("auth/broker-password"),
  )) {
    const device = { id: deviceId, epoch };
    bytes(passwordContext(device), info, "info");
    const key = crypto.importSecret(fromHex(secret));
    equal(ascii(deriveBrokerPassword(crypto, key, device)), password);
    key.close();
    seen.add(password);
  }
  equal(seen.size, 6, "another secret, device or epoch gives another password");
});

test("no other context that a device's secret is asked for is the password's", ({ crypto }) => {
  const asked: Uint8Array[] = [];
  const spy = {
    ...crypto,
    deriveBytes: (_: unknown, info: Uint8Array, byteLength: number) => {
      asked.push(info);
      return new Uint8Array(byteLength);
    },
    deriveMacKey: (_: unknown, info: Uint8Array) => {
      asked.push(info);
      return secret;
    },
  };
  const secret = crypto.importSecret(Uint8Array.of(1));
  // the nastiest names: what stands in the password's context
  const sender = { id: "broker-password", epoch: 0 };
  deriveBrokerPassword(spy, secret, sender);
  deriveSecretId(spy, secret, 0);
  deriveStampKey(spy, secret, { sender, direction: "up", topic: "broker-password" });
  equal(asked.length, 3);
  const [password, ...others] = asked as [Uint8Array, Uint8Array, Uint8Array];
  for (const other of others)
    equal(password.length === other.length && password.every((byte, i) => byte === other[i]), false);
  // an array of three that begins with text; a COSE_KDF_Context is one of four that begins with a number
  bytes(password.subarray(0, 11), "8369646f726d6f75736531");
  equal(others[1]![0], 0x84);
  secret.close();
});

test("a device id that is no sender id has no password", ({ crypto }) => {
  const secret = crypto.importSecret(Uint8Array.of(1));
  throws(() => deriveBrokerPassword(crypto, secret, { id: "", epoch: 0 }), RangeError);
  throws(() => deriveBrokerPassword(crypto, secret, { id: "d", epoch: -1 }), RangeError);
  secret.close();
});
