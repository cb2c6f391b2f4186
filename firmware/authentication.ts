/** The password of CONNECT: stored, made of the device's secret, or a token. Whoever gets one zeroes it. */
import { deriveBrokerPassword } from "dormouse/auth/broker-password";
import { maxTokenKeyBytes, minTokenKeyBytes, signToken, type TokenAlgorithm } from "dormouse/auth/jwt";
import type { Key } from "dormouse/crypto/crypto";
import { nativeCrypto } from "dormouse/crypto/native";
import { type Failure, failure } from "dormouse/failure";
import type { Device } from "dormouse/store/device-record";
import { clientId, type Profile } from "dormouse/store/profile";
import type { Clock } from "dormouse/tls/options";
import { readClock } from "./clock.js";
import { brokerPassword, tokenKey } from "./provisioned.js";

/** @returns undefined: the device logs in without one, as its profile says */
export function connectPassword(
  profile: Profile,
  device: Device,
  clock: Clock,
): Uint8Array | Failure | undefined {
  switch (profile.broker.auth) {
    case "none":
      return undefined;
    case "password":
      return brokerPassword() ?? failure("profile-invalid", "broker.password is not in flash");
    case "derived":
      return deriveBrokerPassword(nativeCrypto, device.secret, {
        id: profile.device.id,
        epoch: device.epoch,
      });
    case "jwt":
      if (clock === "unknown") return failure("clock-unknown", "a token for the broker needs the time");
      return token(profile);
  }
}

function token(profile: Profile): Uint8Array | Failure {
  const { algorithm, lifetimeSeconds, audience } = profile.broker.jwt!;
  const subject = clientId(profile);
  const issuedAtSeconds = Math.floor(readClock() / 1000);
  const bytes = tokenKey();
  if (!bytes) return failure("profile-invalid", "broker.jwt.key is not in flash");
  let key: Key | undefined;
  try {
    key = imported(algorithm, bytes);
    return signToken(nativeCrypto, algorithm, key, { subject, issuedAtSeconds, lifetimeSeconds, audience });
  } catch (error) {
    if (error instanceof RangeError) return failure("profile-invalid", `broker.jwt.key is ${error.message}`);
    if (error instanceof TypeError) throw error;
    return failure("out-of-memory", String(error));
  } finally {
    key?.close();
    bytes.fill(0);
  }
}

function imported(algorithm: TokenAlgorithm, bytes: Uint8Array): Key {
  if (algorithm === "ES256") return nativeCrypto.importSigningKey(bytes);
  if (bytes.length < minTokenKeyBytes || bytes.length > maxTokenKeyBytes)
    throw new RangeError(`not of ${minTokenKeyBytes} to ${maxTokenKeyBytes} bytes`);
  return nativeCrypto.importMacKey(bytes);
}
