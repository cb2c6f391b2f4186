#!/usr/bin/env python3
"""Computes test/vectors/sealed/*.json, by code that shares nothing with lib/: HMAC and SHA-256 from
Python's standard library, P-256 from Python's numbers (p256.py), CBOR from cbor2, AEADs from cryptography
(Debian: apt-get install python3-cbor2 python3-cryptography). Stamps are here, the others in protections.py.

    python3 test/vectors/make.py [FOLDER]      writes FOLDER/*.json (default: sealed/ beside this file)

The formats are those of docs/sealed.md (RFC 9052, 9053, 8949, 5869, 8428).
"""
import hashlib
import hmac
import json
import pathlib
import sys

import cbor2

sys.dont_write_bytecode = True

LICENCE = "Apache-2.0, part of this project; no third-party data"
SOURCE = "test/vectors/make.py (python3 hmac, hashlib; cbor2)"

KEY_BITS = {5: 256, 4: 256, 24: 256, 3: 256, 1: 128, 10: 128}
IV_BITS = {24: 96, 3: 96, 1: 96, 10: 104}
ALG_IV_GENERATION = 34
MAX_COUNTER = 2**40 - 1

SECRET = bytes(range(32))
OTHER_SECRET = hashlib.sha256(b"dormouse vector secret 2").digest()


def dcbor(value):
    return cbor2.dumps(value, canonical=True)


def hkdf(secret, info, length, salt=bytes(32)):
    """RFC 5869 with SHA-256; an absent salt is HashLen zeros."""
    prk = hmac.new(salt, secret, hashlib.sha256).digest()
    okm, block, n = b"", b"", 0
    while len(okm) < length:
        n += 1
        block = hmac.new(prk, block + info + bytes([n]), hashlib.sha256).digest()
        okm += block
    return okm[:length]


def context(alg, bits, sender, epoch, inner):
    """COSE_KDF_Context, RFC 9053 section 5.2."""
    party_u = [sender.encode(), epoch, None]
    party_v = [None, None, None]
    return dcbor([alg, party_u, party_v, [bits, b"", dcbor(inner)]])


def key_info(alg, sender, epoch, direction, topic):
    return context(alg, KEY_BITS[alg], sender, epoch, ["dormouse1", direction, topic])


def iv_info(content_alg, sender, epoch, direction, topic):
    inner = ["dormouse1", direction, topic, content_alg]
    return context(ALG_IV_GENERATION, IV_BITS[content_alg], sender, epoch, inner)


def kid(sender, epoch):
    return dcbor([sender.encode(), epoch])


def counter_bytes(counter):
    return counter.to_bytes(max(1, (counter.bit_length() + 7) // 8), "big")


def protected(alg, sender, epoch, counter, content_type=None, short_kid=None):
    header = {1: alg, 4: short_kid or kid(sender, epoch), 6: counter_bytes(counter)}
    if content_type is not None:
        header[3] = content_type
    return dcbor(header)


def mac_structure(protected_bytes, topic, payload):
    """MAC_structure, RFC 9052 section 6.3."""
    return dcbor(["MAC0", protected_bytes, topic.encode(), payload])


def tag_of(alg, key, protected_bytes, topic, payload):
    full = hmac.new(key, mac_structure(protected_bytes, topic, payload), hashlib.sha256).digest()
    return full[:8] if alg == 4 else full


def mac0(protected_bytes, unprotected, payload, tag):
    return dcbor(cbor2.CBORTag(17, [protected_bytes, unprotected, payload, tag]))


def kdf_cases():
    cases = []

    def add(alg, sender, epoch, direction, topic, secret=SECRET):
        info = key_info(alg, sender, epoch, direction, topic)
        cases.append(
            {
                "secret": secret.hex(),
                "alg": alg,
                "keyBits": KEY_BITS[alg],
                "senderId": sender,
                "epoch": epoch,
                "direction": direction,
                "topic": topic,
                "info": info.hex(),
                "key": hkdf(secret, info, KEY_BITS[alg] // 8).hex(),
            }
        )

    for alg in KEY_BITS:
        add(alg, "dormouse-1", 1, "up", "sensors/dormouse-1/readings")
    for epoch in (0, 23, 24, 255, 256, 65536, 2**32 - 1):
        add(5, "dormouse-1", epoch, "up", "sensors/dormouse-1/readings")
    add(5, "dormouse-2", 1, "up", "sensors/dormouse-1/readings")
    add(5, "dormouse-1", 1, "down", "sensors/dormouse-1/readings")
    add(5, "dormouse-1", 1, "up", "sensors/dormouse-1/will")
    add(5, "dormouse-1", 1, "up", "sensors/dormouse-1/readings", OTHER_SECRET)
    add(5, "k\u00fcche", 1, "up", "sensors/k\u00fcche/\U0001F4A4")
    add(5, "d", 1, "down", "t")
    add(24, "controller-" + "x" * 53, 7, "down", "a/" * 100 + "b")
    return cases


def iv_cases():
    cases = []

    def add(content_alg, sender, epoch, direction, topic, secret=SECRET):
        info = iv_info(content_alg, sender, epoch, direction, topic)
        cases.append(
            {
                "secret": secret.hex(),
                "contentAlg": content_alg,
                "keyBits": IV_BITS[content_alg],
                "senderId": sender,
                "epoch": epoch,
                "direction": direction,
                "topic": topic,
                "info": info.hex(),
                "iv": hkdf(secret, info, IV_BITS[content_alg] // 8).hex(),
            }
        )

    for content_alg in IV_BITS:
        add(content_alg, "dormouse-1", 1, "up", "sensors/dormouse-1/readings")
    add(10, "dormouse-1", 2, "down", "sensors/dormouse-1/commands")
    add(24, "k\u00fcche", 65536, "down", "sensors/k\u00fcche/\U0001F4A4", OTHER_SECRET)
    return cases


def kid_cases():
    pairs = [("d", 0), ("dormouse-1", 1), ("dormouse-1", 23), ("dormouse-1", 24), ("dormouse-1", 65536)]
    pairs += [("dormouse-1", 2**32 - 1), ("k\u00fcche", 1), ("x" * 23, 1), ("x" * 24, 1), ("x" * 64, 256)]
    return [{"senderId": s, "epoch": e, "kid": kid(s, e).hex()} for s, e in pairs]


def next_secret_cases():
    cases = []
    for n, (secret, factory_epoch) in enumerate([(SECRET, 0), (OTHER_SECRET, 0), (SECRET, 7)]):
        salt = hashlib.sha256(b"dormouse vector salt %d" % n).digest()[:16]
        epoch = int.from_bytes(salt[:4], "big") >> 1
        info = dcbor(["dormouse1", "next-secret", epoch])
        own = hkdf(secret, info, 32, salt)
        topic, sender, payload = "sensors/dormouse-1/readings", "dormouse-1", SENML
        long_kid = dcbor([sender.encode(), epoch, salt])
        head = protected(5, sender, epoch, n, short_kid=long_kid)
        key = hkdf(own, key_info(5, sender, epoch, "up", topic), 32)
        cases.append(
            {
                "secret": secret.hex(),
                "factoryEpoch": factory_epoch,
                "salt": salt.hex(),
                "epoch": epoch,
                "info": info.hex(),
                "nextSecret": own.hex(),
                "senderId": sender,
                "topic": topic,
                "kid": long_kid.hex(),
                "counter": n,
                "payload": payload.hex(),
                "message": mac0(head, {}, payload, tag_of(5, key, head, topic, payload)).hex(),
            }
        )
    return cases


def header_cases():
    cases = []
    for counter in (0, 1, 255, 256, 65535, 65536, 2**24, 2**32 - 1, 2**32, MAX_COUNTER):
        for alg, content_type in ((5, None), (5, 110), (4, None), (24, 60), (-7, None), (1, 18)):
            header = protected(alg, "dormouse-1", 1, counter, content_type)
            case = {"alg": alg, "senderId": "dormouse-1", "epoch": 1, "counter": counter}
            if content_type is not None:
                case["contentType"] = content_type
            cases.append({**case, "counterBytes": counter_bytes(counter).hex(), "protected": header.hex()})
    return cases


SENML = dcbor([{-2: "urn:dev:ops:dormouse-1/", 0: "temperature", 1: "Cel", 2: 21.5}])
SENML_JSON = b'[{"bn":"urn:dev:ops:dormouse-1/","n":"temperature","u":"Cel","v":21.5}]'
READINGS = "sensors/dormouse-1/readings"
COMMAND = "sensors/dormouse-1/command"


def stamp_cases():
    cases = []

    def add(name, payload, counter, alg=5, sender="dormouse-1", epoch=1, direction="up", topic=READINGS, content_type=None, short_kid=None):
        key = hkdf(SECRET, key_info(alg, sender, epoch, direction, topic), 32)
        header = protected(alg, sender, epoch, counter, content_type, short_kid)
        tag = tag_of(alg, key, header, topic, payload)
        case = {
            "name": name,
            "secret": SECRET.hex(),
            "alg": alg,
            "senderId": sender,
            "epoch": epoch,
            "direction": direction,
            "topic": topic,
            "counter": counter,
            "payload": payload.hex(),
        }
        if content_type is not None:
            case["contentType"] = content_type
        if short_kid is not None:
            case["shortKid"] = short_kid.hex()
        cases.append(
            {
                **case,
                "key": key.hex(),
                "protected": header.hex(),
                "externalAad": topic.encode().hex(),
                "macStructure": mac_structure(header, topic, payload).hex(),
                "tag": tag.hex(),
                "message": mac0(header, {}, payload, tag).hex(),
            }
        )

    add("a SenML reading, first message", SENML, 0)
    for counter in (1, 255, 256, 65536, 2**32, MAX_COUNTER):
        add(f"counter {counter}", SENML, counter)
    add("SenML as JSON, content type 110", SENML_JSON, 1, content_type=110)
    add("compact: HMAC 256/64", SENML, 1, alg=4)
    add("an empty payload", b"", 2)
    add("a payload of 300 bytes", bytes(i % 256 for i in range(300)), 3)
    add("another epoch", SENML, 0, epoch=2)
    add("the will", SENML, 4, topic="sensors/dormouse-1/will")
    add("a command", b"\x01", 9, sender="controller-1", direction="down", topic="sensors/dormouse-1/commands")
    add("a command of content type 60", b"\x01", 9, sender="controller-1", direction="down", topic=COMMAND, content_type=60)
    add("a short kid", SENML, 70000, alg=4, short_kid=b"\xa1\xb2")
    add("a short kid of 8 bytes", SENML, 1, short_kid=b"dormouse")
    add("a topic beyond ASCII", SENML, 5, sender="k\u00fcche", topic="sensors/k\u00fcche/\U0001F4A4")
    return cases


def reject_cases():
    """One message that is accepted, and messages one step away from it that every receiver must refuse.
    Unless it says so, each carries a tag that is right for its own (wrong) protected header."""
    topic, payload, counter = READINGS, SENML, 258
    sender, epoch = "dormouse-1", 1
    key = hkdf(SECRET, key_info(5, sender, epoch, "up", topic), 32)
    good = protected(5, sender, epoch, counter)
    good_tag = tag_of(5, key, good, topic, payload)
    cases = [{"name": "the sibling that is accepted", "accept": True, "message": mac0(good, {}, payload, good_tag).hex()}]

    def add(name, message):
        cases.append({"name": name, "accept": False, "message": message.hex()})

    def with_header(name, header_bytes, unprotected=None, alg=5):
        tag = tag_of(alg, key, header_bytes, topic, payload)
        add(name, mac0(header_bytes, unprotected or {}, payload, tag))

    def header(**change):
        fields = {"alg": 5, "kid": kid(sender, epoch), "counter": counter_bytes(counter), **change}
        labels = {"alg": 1, "content_type": 3, "kid": 4, "counter": 6, "critical": 2, "iv": 5, "unknown": 99}
        return dcbor({labels[name]: value for name, value in fields.items() if value is not None})

    add("the outer tag is 18", dcbor(cbor2.CBORTag(18, [good, {}, payload, good_tag])))
    add("the outer tag is 992", dcbor(cbor2.CBORTag(992, [good, {}, payload, good_tag])))
    add("untagged", dcbor([good, {}, payload, good_tag]))
    add("tagged twice", dcbor(cbor2.CBORTag(17, cbor2.CBORTag(17, [good, {}, payload, good_tag]))))
    add("a tag not in shortest form", b"\xd8\x11" + mac0(good, {}, payload, good_tag)[1:])
    add("one byte more at the end", mac0(good, {}, payload, good_tag) + b"\x00")
    add("three elements", dcbor(cbor2.CBORTag(17, [good, {}, payload])))
    add("five elements", dcbor(cbor2.CBORTag(17, [good, {}, payload, good_tag, []])))
    add("an array of indefinite length", b"\xd1\x9f" + mac0(good, {}, payload, good_tag)[2:] + b"\xff")
    add("a detached payload", mac0(good, {}, None, good_tag))
    add("a payload that is text", mac0(good, {}, "text", good_tag))
    add("the tag is one bit off", mac0(good, {}, payload, good_tag[:-1] + bytes([good_tag[-1] ^ 1])))
    add("the tag is cut to 8 bytes", mac0(good, {}, payload, good_tag[:8]))
    add("the tag is one byte too long", mac0(good, {}, payload, good_tag + b"\x00"))
    add("the tag is empty", mac0(good, {}, payload, b""))
    add("the payload is one bit off", mac0(good, {}, payload[:-1] + bytes([payload[-1] ^ 1]), good_tag))
    elsewhere = tag_of(5, key, good, "sensors/dormouse-1/will", payload)
    add("authenticated for another topic", mac0(good, {}, payload, elsewhere))
    will_key = hkdf(SECRET, key_info(5, sender, epoch, "up", "sensors/dormouse-1/will"), 32)
    add("another topic's key", mac0(good, {}, payload, tag_of(5, will_key, good, topic, payload)))
    down_key = hkdf(SECRET, key_info(5, sender, epoch, "down", topic), 32)
    add("the other direction's key", mac0(good, {}, payload, tag_of(5, down_key, good, topic, payload)))

    with_header("the kid unprotected too", good, {4: kid(sender, epoch)})
    with_header("an unprotected content type", good, {3: 110})
    with_header("an unprotected label of no meaning", good, {99: 0})
    with_header("the algorithm unprotected", header(alg=None), {1: 5})
    with_header("no algorithm", header(alg=None))
    with_header("HMAC 256/64 under the key of 256/256", header(alg=4), alg=4)
    with_header("HMAC 384/384", header(alg=6))
    with_header("the algorithm as text", header(alg="HS256"))
    with_header("no kid", header(kid=None))
    with_header("another sender's kid", header(kid=kid("dormouse-2", epoch)))
    with_header("another epoch's kid", header(kid=kid(sender, 2)))
    with_header("a kid that is text", header(kid="dormouse-1"))
    with_header("no counter", header(counter=None))
    with_header("an empty counter", header(counter=b""))
    with_header("a counter with a leading zero", header(counter=b"\x00\x01\x02"))
    with_header("zero as two bytes", header(counter=b"\x00\x00"))
    with_header("a counter of 2^40", header(counter=(2**40).to_bytes(6, "big")))
    with_header("a counter that is a number", header(counter=counter))
    with_header("the counter under label 5 (IV)", header(counter=None, iv=counter_bytes(counter)))
    with_header("content type 0", header(content_type=0))
    with_header("content type 112", header(content_type=112))
    with_header("a critical header", header(critical=[6]))
    with_header("a label this profile does not know", header(unknown=0))
    with_header("such a label beside content type 110", header(content_type=110, unknown=0))
    with_header("an empty protected header", b"")
    with_header("an empty map as protected header", b"\xa0")
    with_header("a protected header that is an array", dcbor([5, kid(sender, epoch), counter_bytes(counter)]))
    k, c = dcbor(kid(sender, epoch)), dcbor(counter_bytes(counter))
    with_header("protected labels out of order", b"\xa3\x01\x05\x06" + c + b"\x04" + k)
    with_header("a protected label twice", b"\xa4\x01\x05\x04" + k + b"\x04" + k + b"\x06" + c)
    with_header("a protected value not in shortest form", b"\xa3\x01\x18\x05\x04" + k + b"\x06" + c)
    with_header("a protected map of indefinite length", b"\xbf" + good[1:] + b"\xff")
    with_header("a byte after the protected map", good + b"\x00")
    return {
        "secret": SECRET.hex(),
        "alg": 5,
        "senderId": sender,
        "epoch": epoch,
        "direction": "up",
        "topic": topic,
        "counter": counter,
        "payload": payload.hex(),
        "cases": cases,
    }


def write(folder, name, about, content, source=SOURCE):
    body = content if isinstance(content, dict) else {"cases": content}
    text = json.dumps({"about": about, "source": source, "licence": LICENCE, **body}, indent=1)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def main():
    here = pathlib.Path(__file__).resolve().parent
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "sealed"
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, "kdf", "COSE_KDF_Context and the keys derived with it; bytes in hex", kdf_cases())
    write(folder, "context-iv", "Context IVs: alg 34, the content algorithm in the inner array", iv_cases())
    write(folder, "kid", "Key identifiers: dCBOR([senderId as bytes, epoch])", kid_cases())
    write(folder, "next-secret", "Secrets that took a factory image's place, and stamps with them", next_secret_cases())
    write(folder, "protected-header", "Protected headers and their counters (label 6)", header_cases())
    write(folder, "stamp", "COSE_Mac0 messages, and what they are made of", stamp_cases())
    write(folder, "stamp-reject", "One message to accept, and its neighbours to refuse", reject_cases())
    import protections  # which needs what is above

    protections.write_all(folder)


if __name__ == "__main__":
    main()
