"""Python's part in sealed-agreement.test.ts: makes messages, and opens those of others with examples/receive.py.

One line of JSON in, a list of orders; one line out, the list of answers. Bytes are hex. Run as agreement.py EXAMPLES."""
import functools
import hmac
import json
import os
import sys

sys.path.insert(0, sys.argv[1])
import receive
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

# Reading a private key checks it, which takes longer than all else here.
serialization.load_pem_private_key = functools.lru_cache(serialization.load_pem_private_key)


def sign1(header, key, aad, payload):
    protected = receive.dcbor(header)
    structure = receive.dcbor(["Signature1", protected, aad, payload])
    r, s = utils.decode_dss_signature(private(key).sign(structure, ec.ECDSA(hashes.SHA256())))
    return receive.cose(18, header, payload, r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def private(pem):
    return serialization.load_pem_private_key(pem.encode(), None)


def seal_to(entry, topic, content_type, payload):
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    point = ephemeral.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    key = {1: 2, -1: 1, -2: point[1:], -3: point[0] == 3}
    recipient = receive.dcbor({1: -25, 4: entry["recipient"].encode(), -1: key})
    shared = ephemeral.exchange(ec.ECDH(), private(entry["privateKey"]).public_key())
    content_key = receive.hkdf(shared, 16, 1, [None] * 3, [None] * 3, [128, recipient])
    iv = os.urandom(12)
    header = {k: v for k, v in {1: 1, 3: content_type, 5: iv}.items() if v is not None}
    aad = receive.dcbor(["Encrypt", receive.dcbor(header), topic.encode()])
    ciphertext = receive.AESGCM(content_key).encrypt(iv, payload, aad)
    return receive.cose(96, header, ciphertext, [[recipient, {}, b""]])


def make(order):
    entry, topic, payload = order["entry"], order["topic"], bytes.fromhex(order["payload"])
    owner = entry.get("signer") or entry
    counter, content_type = order["counter"], order["contentType"]
    if "recipient" in entry and not entry["signer"]:
        return seal_to(entry, topic, content_type, payload)
    kid = bytes.fromhex(owner.get("kid", "")) or receive.dcbor([owner["device"].encode(), owner["epoch"]])
    header = {3: content_type, 4: kid, 6: counter.to_bytes(max(1, (counter.bit_length() + 7) // 8), "big")}
    header = {k: v for k, v in header.items() if v is not None}
    if "recipient" in entry:
        aad = receive.dcbor([topic, entry["recipient"].encode()])
        return seal_to(entry, topic, 18, sign1({1: -7, **header}, order["signingKey"], aad, payload))
    if "publicKey" in entry:
        return sign1({1: -7, **header}, order["signingKey"], topic.encode(), payload)
    number, key, iv, size, cipher = receive.symmetric(entry, topic, order["direction"])
    header = {1: number, **header}
    if not cipher:
        structure = receive.dcbor(["MAC0", receive.dcbor(header), topic.encode(), payload])
        return receive.cose(17, header, payload, hmac.digest(key, structure, "sha256")[:size])
    nonce = (int.from_bytes(iv, "big") ^ counter).to_bytes(len(iv), "big")
    aad = receive.dcbor(["Encrypt0", receive.dcbor(header), topic.encode()])
    return receive.cose(16, header, cipher(key).encrypt(nonce, payload, aad))


def opened(order):
    entry, topic, message = order["entry"], order["topic"], bytes.fromhex(order["message"])
    try:
        if "recipient" in entry:
            found = receive.unsealed(message, entry, topic, entry["signer"])
        else:
            key = () if "publicKey" in entry else receive.symmetric(entry, topic, order["direction"])
            found = receive.verified(message, entry, topic.encode(), *key)
    except Exception:
        return None
    payload, content_type, counter, identity = found
    return [payload.hex(), content_type, counter, identity and identity.hex()]


for line in sys.stdin:
    answers = [make(order).hex() if "payload" in order else opened(order) for order in json.loads(line)]
    print(json.dumps(answers), flush=True)
