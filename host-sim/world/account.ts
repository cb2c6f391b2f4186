/**
 * Logging in at a broker, from the broker's side: whom the embedded one lets in, and how the listener gets in where
 * the device does. It judges what the firmware makes, so it shares no code with that.
 */
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
} from "node:crypto";
import { encode } from "cborg";
import type { Profile, TokenSettings } from "../../lib/store/profile.js";

export interface Login {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
}

/** What the profile does not say. */
export interface AccountOptions {
  readonly brokerPassword: string | null;
  readonly jwtKey: Uint8Array | null;
  readonly deviceSecret: Uint8Array;
  readonly nowSeconds: () => number;
}

/** How far the device's clock and the broker's may lie apart. */
const skewSeconds = 60;

export class Account {
  readonly #profile: Profile;
  readonly #options: AccountOptions;

  constructor(profile: Profile, options: AccountOptions) {
    this.#profile = profile;
    this.#options = options;
  }

  /** Without a password everybody is let in: what protects a reading is its stamp. */
  admits({ clientId, username, password }: Login): boolean {
    const { broker } = this.#profile;
    if (broker.auth === "none") return true;
    if (username !== broker.username || !password) return false;
    if (broker.jwt) return this.#verifies(broker.jwt, Buffer.from(password).toString("latin1"), clientId);
    const right = Buffer.from(this.passwordFor(clientId)!);
    return right.length === password.length && timingSafeEqual(right, password);
  }

  /** With what somebody of this client id gets in now; undefined: with nothing. */
  passwordFor(clientId: string): string | undefined {
    const { device, broker } = this.#profile;
    switch (broker.auth) {
      case "none":
        return undefined;
      case "password":
        return this.#options.brokerPassword!;
      case "derived":
        return derivedPassword(this.#options.deviceSecret, device.id);
      case "jwt":
        return this.#token(broker.jwt!, clientId);
    }
  }

  #token({ algorithm, lifetimeSeconds, audience }: TokenSettings, clientId: string): string {
    const iat = Math.floor(this.#options.nowSeconds());
    const claims = { sub: clientId, aud: audience, iat, exp: iat + lifetimeSeconds };
    const input = [{ alg: algorithm, typ: "JWT" }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    const signature =
      algorithm === "HS256"
        ? this.#hmac(input)
        : sign("sha256", Buffer.from(input), { key: this.#privateKey, dsaEncoding: "ieee-p1363" });
    return `${input}.${signature.toString("base64url")}`;
  }

  #verifies(
    { algorithm, lifetimeSeconds, audience }: TokenSettings,
    token: string,
    clientId: string,
  ): boolean {
    const [, header, payload, signature] =
      /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/.exec(token) ?? [];
    if (header === undefined || !this.#isSigned(algorithm, `${header}.${payload}`, signature!)) return false;
    try {
      const { alg, typ } = decodedPart(header);
      const { sub, aud, iat, exp, ...more } = decodedPart(payload!);
      const now = this.#options.nowSeconds();
      const isDated = typeof iat === "number" && typeof exp === "number";
      if (!isDated || now >= exp || iat > now + skewSeconds || exp - iat > lifetimeSeconds) return false;
      if (alg !== algorithm || typ !== "JWT" || Object.keys(more).length > 0) return false;
      return sub === clientId && aud === audience;
    } catch {
      return false;
    }
  }

  #isSigned(algorithm: TokenSettings["algorithm"], input: string, signature: string): boolean {
    const given = Buffer.from(signature, "base64url");
    if (algorithm === "HS256") {
      const right = this.#hmac(input);
      return given.length === right.length && timingSafeEqual(given, right);
    }
    const key = createPublicKey(this.#privateKey);
    return verify("sha256", Buffer.from(input), { key, dsaEncoding: "ieee-p1363" }, given);
  }

  #hmac(input: string): Buffer {
    return createHmac("sha256", this.#options.jwtKey!).update(input).digest();
  }

  get #privateKey(): KeyObject {
    return createPrivateKey({ key: Buffer.from(this.#options.jwtKey!), format: "der", type: "pkcs8" });
  }
}

function decodedPart(part: string): { readonly [name: string]: unknown } {
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(part, "base64url")));
}

/** docs/profile.md, "Authentication to the broker"; simulated devices are of epoch 0. */
function derivedPassword(secret: Uint8Array, deviceId: string): string {
  const kid = encode([new TextEncoder().encode(deviceId), 0]);
  const info = encode(["dormouse1", "broker-password", kid]);
  return Buffer.from(hkdfSync("sha256", secret, "", info, 32)).toString("base64url");
}
