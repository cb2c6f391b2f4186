import { type Claims, signToken } from "../../../lib/auth/jwt.js";
import { equal, test, throws } from "../../device/harness.js";
import { casesOf } from "../sealed/vectors.js";
import { ascii, importTokenKey, type TokenCase } from "./vectors.js";

test("a token is that of the vectors: RFC 7515's compact form, the claims in a fixed order", (platform) => {
  const { name, crypto } = platform;
  for (const vector of casesOf<TokenCase>(platform.vectors("auth/token"))) {
    if (vector.algorithm === "ES256" && name === "noble") continue;
    const key = importTokenKey(crypto, vector);
    const token = signToken(crypto, vector.algorithm, key, vector);
    equal(ascii(token), vector.token);
    key.close();
  }
});

const claims: Claims = { subject: "d", issuedAtSeconds: 1_800_000_000, lifetimeSeconds: 3600 };

const wrong: readonly Partial<Claims>[] = [
  { issuedAtSeconds: 0 },
  { issuedAtSeconds: -1 },
  { issuedAtSeconds: 1_800_000_000.5 },
  { issuedAtSeconds: Number.NaN },
  { lifetimeSeconds: 0 },
  { lifetimeSeconds: 0.5 },
  { lifetimeSeconds: Number.POSITIVE_INFINITY },
];

test("without a time there is no token, nor one that never expires", ({ crypto }) => {
  const key = crypto.importMacKey(new Uint8Array(32));
  for (const part of wrong) throws(() => signToken(crypto, "HS256", key, { ...claims, ...part }), RangeError);
  equal(
    signToken(crypto, "HS256", key, { ...claims, issuedAtSeconds: 1, lifetimeSeconds: 1 }).length > 0,
    true,
  );
  key.close();
});

test("a token is signed by its algorithm's kind of key only", (platform) => {
  const { name, crypto } = platform;
  if (name !== "native") return;
  for (const vector of casesOf<TokenCase>(platform.vectors("auth/token"))) {
    const key = importTokenKey(crypto, vector);
    const other = vector.algorithm === "HS256" ? "ES256" : "HS256";
    throws(() => signToken(crypto, other, key, claims), TypeError);
    key.close();
  }
});
