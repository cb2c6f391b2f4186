#!/usr/bin/env python3
"""Computes test/vectors/auth/*.json as make.py does the others, by code that shares nothing with lib/: HMAC, SHA-256
and numbers from Python alone, CBOR from cbor2.

    python3 test/vectors/make-auth.py [FOLDER]      writes FOLDER/*.json (default: auth/ beside this file)

The formats are those of docs/profile.md (RFC 7515, 7518, 7519, 6979, 5869, 8949).
"""
import base64
import hashlib
import hmac
import json
import pathlib
import sys

sys.dont_write_bytecode = True
from make import OTHER_SECRET, SECRET, dcbor, hkdf, kid, write  # noqa: E402

SOURCE = "test/vectors/make-auth.py (python3 hmac, hashlib; cbor2)"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def password_cases():
    cases = []
    pairs = [("dormouse-1", 0, SECRET), ("dormouse-1", 1, SECRET), ("dormouse-2", 0, SECRET)]
    pairs += [("dormouse-1", 0, OTHER_SECRET), ("k\u00fcche", 2**32 - 1, SECRET), ("x" * 64, 24, OTHER_SECRET)]
    for device, epoch, secret in pairs:
        info = dcbor(["dormouse1", "broker-password", kid(device, epoch)])
        cases.append(
            {
                "secret": secret.hex(),
                "deviceId": device,
                "epoch": epoch,
                "info": info.hex(),
                "password": base64url(hkdf(secret, info, 32)),
            }
        )
    return cases


# P-256 (SEC 2, 2.4.2): y^2 = x^3 - 3x + b over the field of P, of prime order N.
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = (3 * a[0] ** 2 - 3) * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope**2 - a[0] - b[0]) % P
    return (x, (slope * (a[0] - x) - a[1]) % P)


def multiply(k):
    result, point = None, G
    while k:
        if k & 1:
            result = add(result, point)
        point, k = add(point, point), k >> 1
    return result


def number(data):
    return int.from_bytes(data, "big")


def nonce(key, digest):
    """RFC 6979 section 3.2 with HMAC-SHA-256."""
    seed = key + (number(digest) % N).to_bytes(32, "big")
    k, v = bytes(32), b"\x01" * 32
    for step in (b"\x00", b"\x01"):
        k = hmac.new(k, v + step + seed, hashlib.sha256).digest()
        v = hmac.new(k, v, hashlib.sha256).digest()
    while True:
        v = hmac.new(k, v, hashlib.sha256).digest()
        if 0 < number(v) < N:
            return number(v)
        k = hmac.new(k, v + b"\x00", hashlib.sha256).digest()
        v = hmac.new(k, v, hashlib.sha256).digest()


def es256(key, data):
    digest = hashlib.sha256(data).digest()
    k = nonce(key, digest)
    r = multiply(k)[0] % N
    s = pow(k, -1, N) * (number(digest) + r * number(key)) % N
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def element(tag, *parts):
    """DER: tag, length, content."""
    content = b"".join(parts)
    length = bytes([len(content)]) if len(content) < 128 else b"\x81" + bytes([len(content)])
    return bytes([tag]) + length + content


EC_PUBLIC_KEY = element(6, bytes.fromhex("2a8648ce3d0201"))
PRIME256V1 = element(6, bytes.fromhex("2a8648ce3d030107"))


def key_forms(key):
    """The same private key in the forms that tools write: RFC 5915, and that in RFC 5958's."""
    x, y = multiply(number(key))
    public = element(0xA1, element(3, b"\x00\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")))
    plain = (element(2, b"\x01"), element(4, key))
    curve = element(0xA0, PRIME256V1)
    algorithm = element(0x30, EC_PUBLIC_KEY, PRIME256V1)

    def pkcs8(*inner):
        return element(0x30, element(2, b"\x00"), algorithm, element(4, element(0x30, *inner))).hex()

    return {
        "pkcs8": pkcs8(*plain, public),
        "pkcs8, number alone": pkcs8(*plain),
        "pkcs8, with curve": pkcs8(*plain, curve, public),
        "sec1": element(0x30, *plain, curve, public).hex(),
        "sec1, number and curve": element(0x30, *plain, curve).hex(),
    }


def signature_cases():
    """RFC 6979 A.2.5 is the first key; others have numbers with zero bytes in front."""
    keys = [bytes.fromhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")]
    keys += [(1).to_bytes(32, "big"), (N - 1).to_bytes(32, "big"), bytes(3) + hashlib.sha256(b"key").digest()[3:]]
    messages = [b"sample", b"test", b"", bytes(300)]
    return [
        {
            "key": key.hex(),
            "forms": key_forms(key),
            "signatures": [{"message": m.hex(), "signature": es256(key, m).hex()} for m in messages],
        }
        for key in keys
    ]


def token(algorithm, key, claims):
    header = {"alg": algorithm, "typ": "JWT"}
    parts = [json.dumps(part, separators=(",", ":"), ensure_ascii=False).encode() for part in (header, claims)]
    text = ".".join(map(base64url, parts))
    sign = es256 if algorithm == "ES256" else lambda k, data: hmac.new(k, data, hashlib.sha256).digest()
    return text + "." + base64url(sign(key, text.encode()))


def token_cases():
    cases = []

    def case(algorithm, key, subject, issued, lifetime, audience=None):
        claims = {"sub": subject, "iat": issued, "exp": issued + lifetime}
        if audience is not None:
            claims = {"sub": subject, "aud": audience, "iat": issued, "exp": issued + lifetime}
        given = {"algorithm": algorithm, "key": key.hex() if algorithm == "HS256" else key_forms(key)["pkcs8"]}
        given |= {"subject": subject, "issuedAtSeconds": issued, "lifetimeSeconds": lifetime}
        if audience is not None:
            given["audience"] = audience
        cases.append({**given, "token": token(algorithm, key, claims)})

    number_key = bytes.fromhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
    for algorithm, key in (("HS256", SECRET), ("HS256", OTHER_SECRET * 2), ("ES256", number_key)):
        case(algorithm, key, "dormouse-1", 1800000000, 3600)
        case(algorithm, key, "cellar-dormouse-1", 1800000000, 60, "mqtts://broker.example.org")
        case(algorithm, key, 'k\u00fcche "\\\U0001F4A4', 4294967295, 86400, "caf\u00e9")
    return cases


def main():
    here = pathlib.Path(__file__).resolve().parent
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "auth"
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, "broker-password", "Passwords that come of a device's secret; bytes in hex", password_cases(), SOURCE)
    write(folder, "es256", "Deterministic ES256 signatures, the first key RFC 6979 A.2.5's; bytes in hex", signature_cases(), SOURCE)
    write(folder, "token", "JSON Web Tokens; HS256 keys in hex, ES256 keys as PKCS #8 in hex", token_cases(), SOURCE)


if __name__ == "__main__":
    main()
