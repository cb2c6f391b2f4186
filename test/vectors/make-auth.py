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
from p256 import N, es256, key_forms  # noqa: E402

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
