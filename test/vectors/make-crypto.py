#!/usr/bin/env python3
"""Computes test/vectors/crypto/*.json with code that shares nothing with lib/ or mbedTLS: the AEADs, ECDH and ECDSA
from python3-cryptography (OpenSSL), HKDF from Python's standard library.

    python3 test/vectors/make-crypto.py [FOLDER]      writes FOLDER/*.json (default: crypto/ beside this file)
"""
import hashlib
import pathlib
import sys

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

sys.dont_write_bytecode = True
from make import hkdf, write  # noqa: E402

SOURCE = "test/vectors/make-crypto.py (python3 hashlib; python3-cryptography)"

LONGEST = 200
AEADS = {  # RFC 9053 section 4: cipher, bytes of key and nonce
    1: (AESGCM, 16, 12),
    3: (AESGCM, 32, 12),
    10: (lambda key: AESCCM(key, tag_length=8), 16, 13),
    24: (ChaCha20Poly1305, 32, 12),
}


def pattern(length, seed):
    """Bytes that any language makes alike; test/lib/crypto/aead.test.ts does too."""
    return bytes((i * 167 + seed * 59 + (i >> 8)) & 0xFF for i in range(length))


def aead_cases():
    """One message of each length, each with another nonce and amount of authenticated data; a hash over all."""
    cases = []
    for alg, (cipher, key_bytes, nonce_bytes) in AEADS.items():
        key = pattern(key_bytes, alg)
        every = hashlib.sha256()
        for length in range(LONGEST + 1):
            nonce, aad, plaintext = pattern(nonce_bytes, length), pattern(length * 7 % 53, 1), pattern(length, 2)
            every.update(cipher(key).encrypt(nonce, plaintext, aad or None))
        cases.append({"alg": alg, "key": key.hex(), "longest": LONGEST, "sha256": every.hexdigest()})
    return cases


def agreement_cases():
    """Among them a secret, and the coordinates of a point, that begin with a zero: they keep their 32 bytes."""
    other = ec.derive_private_key(int.from_bytes(pattern(32, 3), "big"), ec.SECP256R1())
    point = public_point(other)
    cases, wanted = [], ["", "secret", "x", "y"]
    for i in range(1, 10000):
        key = hashlib.sha256(b"dormouse agreement key %d" % i).digest()
        pair = ec.derive_private_key(int.from_bytes(key, "big"), ec.SECP256R1())
        own, shared = public_point(pair), pair.exchange(ec.ECDH(), other.public_key())
        zeros = {"secret": shared[0], "x": own[1], "y": own[33]}
        found = next((name for name in wanted if name == "" or zeros[name] == 0), None)
        if found is None:
            continue
        wanted.remove(found)
        derived = hkdf(shared, b"dormouse test", 32)
        cases.append({"key": key.hex(), "point": own.hex(), "other": point.hex(), "derived": derived.hex()})
        if not wanted:
            return cases
    raise AssertionError(wanted)


def public_point(pair):
    numbers = pair.public_key().public_numbers()
    return b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def main():
    here = pathlib.Path(__file__).resolve().parent
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "crypto"
    folder.mkdir(parents=True, exist_ok=True)
    about = "SHA-256 over the ciphertexts, tag last, of one message of each length; bytes in hex"
    write(folder, "aead", about, aead_cases(), SOURCE)
    about = "ECDH on P-256, and what HKDF-SHA-256 makes of the secret with the info 'dormouse test'; bytes in hex"
    write(folder, "agreement", about, agreement_cases(), SOURCE)


if __name__ == "__main__":
    main()
