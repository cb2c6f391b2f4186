"""The vectors of seals, signatures, sealTo and the operator's consent, for make.py. Imported after it."""
import hashlib

import cbor2
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from make import COMMAND, MAX_COUNTER, READINGS, SECRET, SENML, SENML_JSON
from make import counter_bytes, dcbor, hkdf, iv_info, key_info, kid, mac0, tag_of, write
from p256 import N, P, es256, key_forms, number, public_point, shared_x

SOURCE = "test/vectors/make.py (python3 hmac, hashlib and numbers; cbor2; cryptography)"
WILL = "sensors/dormouse-1/will"
KEY_BYTES = {1: 16, 3: 32, 10: 16, 24: 32}
NONCE_BYTES = {1: 12, 3: 12, 10: 13, 24: 12}
TAG_BYTES = {1: 16, 3: 16, 10: 8, 24: 16}
SEAL_NAMES = {24: "ChaCha20/Poly1305", 1: "A128GCM", 3: "A256GCM", 10: "AES-CCM-16-64-128"}


def private(name):
    """A private number that anyone can make again."""
    return (number(hashlib.sha256(b"dormouse vector " + name.encode()).digest()) % (N - 1) + 1).to_bytes(32, "big")


DEVICE = private("device")
OTHER_DEVICE = private("other device")
RECIPIENT = private("recipient")
OTHER_RECIPIENT = private("other recipient")
OPERATOR = private("operator")


def der(key):
    return key_forms(key)["pkcs8"]


def cipher(alg, key):
    return {1: AESGCM, 3: AESGCM, 24: ChaCha20Poly1305}[alg](key) if alg != 10 else AESCCM(key, tag_length=8)


def encrypt(alg, key, nonce, aad, plaintext):
    return cipher(alg, key).encrypt(nonce, plaintext, aad)


def header(alg, key_id, counter, content_type=None):
    fields = {1: alg, 4: key_id, 6: counter_bytes(counter)}
    if content_type is not None:
        fields[3] = content_type
    return dcbor(fields)


def nonce_of(context_iv, counter):
    padded = counter.to_bytes(len(context_iv), "big")
    return bytes(a ^ b for a, b in zip(context_iv, padded))


def with_optional(case, **optional):
    return {**case, **{name: value for name, value in optional.items() if value is not None}}


# Seals


class Seal:
    """All that belongs to one key."""

    def __init__(self, alg, sender="dormouse-1", epoch=1, direction="up", topic=READINGS, short_kid=None):
        channel = (sender, epoch, direction, topic)
        self.alg, self.topic = alg, topic
        self.kid = short_kid or kid(sender, epoch)
        self.key = hkdf(SECRET, key_info(alg, *channel), KEY_BYTES[alg])
        self.context_iv = hkdf(SECRET, iv_info(alg, *channel), NONCE_BYTES[alg])
        self.about = {"secret": SECRET.hex(), "alg": alg, "senderId": sender, "epoch": epoch}
        self.about |= {"direction": direction, "topic": topic}
        if short_kid:
            self.about["shortKid"] = short_kid.hex()

    def structure(self, protected, topic=None):
        return dcbor(["Encrypt0", protected, (topic or self.topic).encode()])

    def ciphertext(self, protected, counter, payload, topic=None):
        nonce = nonce_of(self.context_iv, counter)
        return encrypt(self.alg, self.key, nonce, self.structure(protected, topic), payload)


def encrypt0(protected, unprotected, ciphertext):
    return dcbor(cbor2.CBORTag(16, [protected, unprotected, ciphertext]))


def seal_cases():
    cases = []

    def add(name, payload, counter, alg=24, content_type=None, **channel):
        seal = Seal(alg, **channel)
        protected = header(alg, seal.kid, counter, content_type)
        case = {"name": name, **seal.about, "counter": counter, "payload": payload.hex()}
        case = with_optional(case, contentType=content_type)
        cases.append(
            {
                **case,
                "key": seal.key.hex(),
                "contextIv": seal.context_iv.hex(),
                "nonce": nonce_of(seal.context_iv, counter).hex(),
                "protected": protected.hex(),
                "encStructure": seal.structure(protected).hex(),
                "message": encrypt0(protected, {}, seal.ciphertext(protected, counter, payload)).hex(),
            }
        )

    for alg, name in SEAL_NAMES.items():
        add(f"{name}: a SenML reading, first message", SENML, 0, alg)
        for counter in (1, 256, 2**32, MAX_COUNTER):
            add(f"{name}: counter {counter}", SENML, counter, alg)
        add(f"{name}: an empty payload", b"", 2, alg)
        add(f"{name}: 300 bytes of SenML as JSON", SENML_JSON + b" " * (300 - len(SENML_JSON)), 3, alg, 110)
        add(f"{name}: a short kid", SENML, 70000, alg, short_kid=b"\xa1\xb2")
    add("another epoch", SENML, 0, epoch=2)
    add("the will", SENML, 4, topic=WILL)
    add("a command", b"\x01", 9, 10, 60, sender="controller-1", direction="down", topic=COMMAND)
    return cases


def array_rejects(add, tag, parts):
    """Another frame around the right content."""
    good = dcbor(cbor2.CBORTag(tag, parts))
    other_tag = 17 if tag == 16 else 16
    add(f"the outer tag is {other_tag}", dcbor(cbor2.CBORTag(other_tag, parts)))
    add("the outer tag is 992", dcbor(cbor2.CBORTag(992, parts)))
    add("untagged", dcbor(parts))
    add("tagged twice", dcbor(cbor2.CBORTag(tag, cbor2.CBORTag(tag, parts))))
    head = 2 if tag >= 24 else 1
    add("a tag not in shortest form", (b"\xd9\x00" + good[1:] if head == 2 else b"\xd8" + bytes([tag]) + good[1:]))
    add("one byte more at the end", good + b"\x00")
    add("one element fewer", dcbor(cbor2.CBORTag(tag, parts[:-1])))
    add("one element more", dcbor(cbor2.CBORTag(tag, parts + [b""])))
    add("an array of indefinite length", good[:head] + b"\x9f" + good[head + 1 :] + b"\xff")
    add("an unprotected label of no meaning", dcbor(cbor2.CBORTag(tag, [parts[0], {99: 0}, *parts[2:]])))
    deep = []
    for _ in range(9):
        deep = [deep]
    add("nested too deeply", dcbor(cbor2.CBORTag(tag, [parts[0], {99: deep}, *parts[2:]])))
    add("the protected header as a map", dcbor(cbor2.CBORTag(tag, [cbor2.loads(parts[0]), *parts[1:]])))


def header_rejects(with_header, alg, other_alg, key_id, counter, allowed=()):
    """Each message is right for its own, wrong, protected header. `allowed`: content types not to list."""

    def fields(**change):
        given = {"alg": alg, "kid": key_id, "counter": counter_bytes(counter), **change}
        labels = {"alg": 1, "content_type": 3, "kid": 4, "counter": 6, "critical": 2, "iv": 5, "unknown": 99}
        return dcbor({labels[name]: value for name, value in given.items() if value is not None})

    good = fields()
    with_header("the kid unprotected too", good, {4: key_id})
    with_header("an unprotected content type", good, {3: 110})
    with_header("the counter unprotected", fields(counter=None), {6: counter_bytes(counter)})
    with_header("the algorithm unprotected", fields(alg=None), {1: alg})
    with_header("no algorithm", fields(alg=None))
    with_header("another algorithm", fields(alg=other_alg))
    with_header("the algorithm as text", fields(alg="A128GCM"))
    with_header("no kid", fields(kid=None))
    with_header("another sender's kid", fields(kid=kid("dormouse-2", 1)))
    with_header("another epoch's kid", fields(kid=kid("dormouse-1", 2)))
    with_header("a kid that is text", fields(kid="dormouse-1"))
    with_header("an empty kid", fields(kid=b""))
    with_header("no counter", fields(counter=None))
    with_header("an empty counter", fields(counter=b""))
    with_header("a counter with a leading zero", fields(counter=b"\x00" + counter_bytes(counter)))
    with_header("zero as two bytes", fields(counter=b"\x00\x00"))
    with_header("a counter of 2^40", fields(counter=(2**40).to_bytes(6, "big")))
    with_header("a counter that is a number", fields(counter=counter))
    with_header("the counter under label 5 (IV)", fields(counter=None, iv=counter_bytes(counter)))
    with_header("an IV beside the counter", fields(iv=bytes(12)))
    for content_type in (0, 112, *(one for one in (18,) if one not in allowed)):
        with_header(f"content type {content_type}", fields(content_type=content_type))
    with_header("a content type as text", fields(content_type="application/senml+json"))
    with_header("a critical header", fields(critical=[6]))
    with_header("a label this profile does not know", fields(unknown=0))
    with_header("such a label beside content type 110", fields(content_type=110, unknown=0))
    with_header("an empty protected header", b"")
    with_header("an empty map as protected header", b"\xa0")
    with_header("a protected header that is an array", dcbor([alg, key_id, counter_bytes(counter)]))
    a, k, c = dcbor(alg), dcbor(key_id), dcbor(counter_bytes(counter))
    with_header("protected labels out of order", b"\xa3\x01" + a + b"\x06" + c + b"\x04" + k)
    with_header("a protected label twice", b"\xa4\x01" + a + b"\x04" + k + b"\x04" + k + b"\x06" + c)
    with_header("a protected label not in shortest form", b"\xa3\x18\x01" + a + b"\x04" + k + b"\x06" + c)
    with_header("a protected map of indefinite length", b"\xbf" + good[1:] + b"\xff")
    with_header("a byte after the protected map", good + b"\x00")


def new_list(good):
    """Cases with their first, which is accepted, and how to add to them."""
    cases = [{"name": "the sibling that is accepted", "accept": True, "message": good.hex()}]

    def add(name, message):
        assert message != good, name
        cases.append({"name": name, "accept": False, "message": message.hex()})

    return cases, add


def flipped(data, at=-1):
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def seal_reject_file(alg):
    payload, counter = SENML, 258
    seal = Seal(alg)
    good = header(alg, seal.kid, counter)
    content = seal.ciphertext(good, counter, payload)
    cases, add = new_list(encrypt0(good, {}, content))
    array_rejects(add, 16, [good, {}, content])
    tag_bytes = TAG_BYTES[alg]
    add("a detached ciphertext", encrypt0(good, {}, None))
    add("a ciphertext that is text", encrypt0(good, {}, "text"))
    add("the tag is one bit off", encrypt0(good, {}, flipped(content)))
    add("the ciphertext is one bit off", encrypt0(good, {}, flipped(content, 0)))
    add("the tag is one byte short", encrypt0(good, {}, content[:-1]))
    add("one byte behind the tag", encrypt0(good, {}, content + b"\x00"))
    add("no ciphertext", encrypt0(good, {}, b""))
    add("shorter than a tag", encrypt0(good, {}, content[: tag_bytes - 1]))
    add("a tag alone", encrypt0(good, {}, content[-tag_bytes:]))
    add("sealed for another topic", encrypt0(good, {}, seal.ciphertext(good, counter, payload, WILL)))
    others = {"another topic's key": Seal(alg, topic=WILL), "the other direction's key": Seal(alg, direction="down")}
    for name, other in others.items():
        aad = seal.structure(good)
        add(name, encrypt0(good, {}, encrypt(alg, other.key, nonce_of(seal.context_iv, counter), aad, payload)))
        nonce = nonce_of(other.context_iv, counter)
        add(f"the Context IV of {name[:-6]}", encrypt0(good, {}, encrypt(alg, seal.key, nonce, aad, payload)))
    zero_iv = encrypt(alg, seal.key, counter.to_bytes(NONCE_BYTES[alg], "big"), seal.structure(good), payload)
    add("without a Context IV", encrypt0(good, {}, zero_iv))
    add("the nonce of another counter", encrypt0(good, {}, seal.ciphertext(good, counter + 1, payload)))
    as_mac = dcbor(["MAC0", good, seal.topic.encode(), payload])
    mac_aad = encrypt(alg, seal.key, nonce_of(seal.context_iv, counter), as_mac, payload)
    add("authenticated as another structure", encrypt0(good, {}, mac_aad))
    as_encrypt = dcbor(["Encrypt", good, seal.topic.encode()])
    nonce = nonce_of(seal.context_iv, counter)
    add("authenticated as a COSE_Encrypt", encrypt0(good, {}, encrypt(alg, seal.key, nonce, as_encrypt, payload)))

    def with_header(name, protected, unprotected=None):
        add(name, encrypt0(protected, unprotected or {}, seal.ciphertext(protected, counter, payload)))

    header_rejects(with_header, alg, 3 if alg != 3 else 24, seal.kid, counter, allowed=(18,))
    return {**seal.about, "counter": counter, "payload": payload.hex(), "cases": cases}


# Signatures


def sig_structure(protected, aad, payload):
    return dcbor(["Signature1", protected, aad, payload])


def sign1(protected, unprotected, payload, signature):
    return dcbor(cbor2.CBORTag(18, [protected, unprotected, payload, signature]))


def signed(key, protected, aad, payload, unprotected=None):
    return sign1(protected, unprotected or {}, payload, es256(key, sig_structure(protected, aad, payload)))


def identity(structure):
    return hashlib.sha256(structure).digest()[:16]


def signer_about(key, sender="dormouse-1", epoch=1, short_kid=None):
    about = {"signKey": der(key), "point": public_point(key).hex(), "senderId": sender, "epoch": epoch}
    return with_optional(about, shortKid=short_kid and short_kid.hex())


def sign_cases():
    cases = []

    def add(name, payload, counter, content_type=None, sender="dormouse-1", epoch=1, topic=READINGS, short_kid=None, key=DEVICE):
        protected = header(-7, short_kid or kid(sender, epoch), counter, content_type)
        structure = sig_structure(protected, topic.encode(), payload)
        signature = es256(key, structure)
        case = {"name": name, **signer_about(key, sender, epoch, short_kid), "topic": topic, "counter": counter}
        case = with_optional({**case, "payload": payload.hex()}, contentType=content_type)
        cases.append(
            {
                **case,
                "protected": protected.hex(),
                "sigStructure": structure.hex(),
                "signature": signature.hex(),
                "identity": identity(structure).hex(),
                "message": sign1(protected, {}, payload, signature).hex(),
            }
        )

    add("a SenML reading, first message", SENML, 0)
    for counter in (1, 256, MAX_COUNTER):
        add(f"counter {counter}", SENML, counter)
    add("SenML as JSON", SENML_JSON, 1, 110)
    add("a result", b"\x80", 1, 60, topic="sensors/dormouse-1/result")
    add("an empty payload", b"", 2)
    add("300 bytes", bytes(i % 256 for i in range(300)), 3)
    add("a short kid", SENML, 70000, short_kid=b"\xa1\xb2")
    add("another device", SENML, 5, sender="k\u00fcche", topic="sensors/k\u00fcche/\U0001F4A4", key=OTHER_DEVICE)
    return cases


def sign_reject_file():
    payload, counter, aad = SENML, 258, READINGS.encode()
    key_id = kid("dormouse-1", 1)
    good = header(-7, key_id, counter)
    signature = es256(DEVICE, sig_structure(good, aad, payload))
    cases, add = new_list(sign1(good, {}, payload, signature))
    array_rejects(add, 18, [good, {}, payload, signature])
    add("a detached payload", sign1(good, {}, None, signature))
    add("a payload that is text", sign1(good, {}, "text", signature))
    add("the payload is one bit off", sign1(good, {}, flipped(payload), signature))
    add("s is one bit off", sign1(good, {}, payload, flipped(signature)))
    add("r is one bit off", sign1(good, {}, payload, flipped(signature, 0)))
    add("the signature is one byte short", sign1(good, {}, payload, signature[:-1]))
    add("the signature is one byte too long", sign1(good, {}, payload, signature + b"\x00"))
    add("no signature", sign1(good, {}, payload, b""))
    add("a signature of zeros", sign1(good, {}, payload, bytes(64)))
    add("r is 0", sign1(good, {}, payload, bytes(32) + signature[32:]))
    add("s is 0", sign1(good, {}, payload, signature[:32] + bytes(32)))
    add("s is the order", sign1(good, {}, payload, signature[:32] + N.to_bytes(32, "big")))
    add("s and r the other way", sign1(good, {}, payload, signature[32:] + signature[:32]))
    s = b"\x02\x20" + signature[32:] if signature[32] < 128 else b"\x02\x21\x00" + signature[32:]
    r = b"\x02\x20" + signature[:32] if signature[0] < 128 else b"\x02\x21\x00" + signature[:32]
    add("the signature in DER", sign1(good, {}, payload, b"\x30" + bytes([len(r + s)]) + r + s))
    add("signed for another topic", signed(DEVICE, good, WILL.encode(), payload))
    add("signed for no topic", signed(DEVICE, good, b"", payload))
    add("signed by another device", signed(OTHER_DEVICE, good, aad, payload))
    structure = dcbor(["Signature", good, b"", aad, payload])
    add("signed as a COSE_Sign", sign1(good, {}, payload, es256(DEVICE, structure)))
    structure = dcbor(["MAC0", good, aad, payload])
    add("signed as a COSE_Mac0", sign1(good, {}, payload, es256(DEVICE, structure)))
    add("signed the payload alone", sign1(good, {}, payload, es256(DEVICE, payload)))

    def with_header(name, protected, unprotected=None):
        add(name, signed(DEVICE, protected, aad, payload, unprotected))

    header_rejects(with_header, -7, -35, key_id, counter)
    return {
        **signer_about(DEVICE),
        "topic": READINGS,
        "counter": counter,
        "payload": payload.hex(),
        "malleated": sign1(good, {}, payload, signature[:32] + (N - number(signature[32:])).to_bytes(32, "big")).hex(),
        "cases": cases,
    }


# Sealed to a recipient


def cose_key(point, sign_of_y=None):
    return {1: 2, -1: 1, -2: point[1:33], -3: bool(point[64] & 1) if sign_of_y is None else sign_of_y}


def recipient_header(key_id, ephemeral):
    return dcbor({1: -25, 4: key_id, -1: cose_key(public_point(ephemeral))})


def content_key(secret, recipient_protected, salt=bytes(32), party_u=(None, None, None)):
    context = dcbor([1, list(party_u), [None] * 3, [128, recipient_protected]])
    return context, hkdf(secret, context, 16, salt)


def encrypt_structure(protected, topic):
    return dcbor(["Encrypt", protected, topic.encode()])


def content_header(iv, content_type=None):
    return dcbor(with_optional({}) | {1: 1, 5: iv} | ({} if content_type is None else {3: content_type}))


def cose_encrypt(protected, ciphertext, recipients, unprotected=None):
    return dcbor(cbor2.CBORTag(96, [protected, unprotected or {}, ciphertext, recipients]))


def origin_aad(topic, recipient_kid):
    return dcbor([topic, recipient_kid])


def recipient_about(key_id, key=RECIPIENT):
    return {"recipientKid": key_id.hex(), "recipientKey": der(key), "recipientPoint": public_point(key).hex()}


PLANT = b"plant-7"


def seal_to_cases():
    cases = []

    def add(name, payload, counter, content_type=None, topic=READINGS, key_id=PLANT, signs=False, short_kid=None, turn=0):
        ephemeral = private(f"ephemeral {name} {turn}")
        iv = hashlib.sha256(f"iv {name}".encode()).digest()[:12]
        recipient = recipient_header(key_id, ephemeral)
        secret = shared_x(ephemeral, public_point(RECIPIENT))
        context, key = content_key(secret, recipient)
        case = {"name": name, **recipient_about(key_id), "topic": topic, "counter": counter, "payload": payload.hex()}
        case = with_optional(case, contentType=content_type)
        plaintext, outer = payload, content_type
        if signs:
            protected = header(-7, short_kid or kid("dormouse-1", 1), counter, content_type)
            plaintext, outer = signed(DEVICE, protected, origin_aad(topic, key_id), payload), 18
            case |= {"signer": signer_about(DEVICE, short_kid=short_kid)}
            case |= {"originAad": origin_aad(topic, key_id).hex(), "signed": plaintext.hex()}
            case |= {"identity": identity(sig_structure(protected, origin_aad(topic, key_id), payload)).hex()}
        protected = content_header(iv, outer)
        aad = encrypt_structure(protected, topic)
        ciphertext = encrypt(1, key, iv, aad, plaintext)
        cases.append(
            {
                **case,
                "ephemeralKey": der(ephemeral),
                "iv": iv.hex(),
                "recipientProtected": recipient.hex(),
                "sharedSecret": secret.hex(),
                "kdfContext": context.hex(),
                "contentKey": key.hex(),
                "protected": protected.hex(),
                "encStructure": aad.hex(),
                "message": cose_encrypt(protected, ciphertext, [[recipient, {}, b""]]).hex(),
            }
        )
        return public_point(ephemeral)[64] & 1

    add("signed: a SenML reading", SENML, 0, signs=True)
    add("unsigned: a SenML reading", SENML, 0)
    # Both signs of the ephemeral key's y.
    odd = [add(f"unsigned: ephemeral key {turn}", SENML, 1, turn=turn) for turn in range(4)]
    assert set(odd) == {0, 1}
    add("signed: SenML as JSON", SENML_JSON, 1, 110, signs=True)
    add("unsigned: SenML as JSON", SENML_JSON, 1, 110)
    add("signed: a result", b"\x80", 1, 60, topic="sensors/dormouse-1/result", signs=True)
    add("unsigned: a result", b"\x80", 1, 60, topic="sensors/dormouse-1/result")
    add("signed: an empty payload", b"", MAX_COUNTER, signs=True)
    add("unsigned: an empty payload", b"", 2)
    add("signed: a short kid", SENML, 70000, signs=True, short_kid=b"\xa1\xb2")
    add("unsigned: a recipient's kid of one byte", SENML, 3, key_id=b"p")
    add("signed: a recipient's kid of 32 bytes", bytes(300), 3, key_id=b"r" * 32, signs=True)
    return cases


def seal_to_reject_file():
    """`withoutSigner`: what a receiver says that has no signer's key."""
    counter, iv = 258, bytes(range(12))
    ephemeral = private("ephemeral of the rejects")
    good_recipient = recipient_header(PLANT, ephemeral)
    device_header = header(-7, kid("dormouse-1", 1), counter)
    inner = signed(DEVICE, device_header, origin_aad(READINGS, PLANT), SENML)
    good_header = content_header(iv, 18)
    point = public_point(RECIPIENT)

    def sealed(plaintext, protected=good_header, recipient=good_recipient, topic=READINGS, to=point, nonce=iv, **kdf):
        key = content_key(shared_x(ephemeral, to), recipient, **kdf)[1]
        return encrypt(1, key, nonce, encrypt_structure(protected, topic), plaintext)

    ciphertext = sealed(inner)
    good = cose_encrypt(good_header, ciphertext, [[good_recipient, {}, b""]])
    cases, add_bad = new_list(good)
    cases[0]["withoutSigner"] = "unauthenticated"

    def add(name, message, without_signer="bad"):
        add_bad(name, message)
        cases[-1]["withoutSigner"] = without_signer

    array_rejects(add, 96, [good_header, {}, ciphertext, [[good_recipient, {}, b""]]])
    to_good = [[good_recipient, {}, b""]]

    add("the ciphertext is one bit off", cose_encrypt(good_header, flipped(ciphertext, 0), to_good))
    add("the tag is one bit off", cose_encrypt(good_header, flipped(ciphertext), to_good))
    add("the tag is one byte short", cose_encrypt(good_header, ciphertext[:-1], to_good))
    add("no ciphertext", cose_encrypt(good_header, b"", to_good))
    add("a detached ciphertext", cose_encrypt(good_header, None, to_good))
    add("sealed for another topic", cose_encrypt(good_header, sealed(inner, topic=WILL), to_good))
    other = public_point(OTHER_RECIPIENT)
    add("sealed to another recipient's key", cose_encrypt(good_header, sealed(inner, to=other), to_good))

    def with_header(name, protected, nonce=iv, unprotected=None):
        add(name, cose_encrypt(protected, sealed(inner, protected, nonce=nonce), to_good, unprotected))

    with_header("the content's algorithm is A256GCM", dcbor({1: 3, 3: 18, 5: iv}))
    with_header("no content algorithm", dcbor({3: 18, 5: iv}))
    with_header("the content's algorithm unprotected", dcbor({3: 18, 5: iv}), unprotected={1: 1})
    with_header("no IV", dcbor({1: 1, 3: 18}))
    with_header("the IV unprotected", dcbor({1: 1, 3: 18}), unprotected={5: iv})
    with_header("an IV of 13 bytes", dcbor({1: 1, 3: 18, 5: iv + b"\x00"}), iv + b"\x00")
    with_header("an IV of 11 bytes", dcbor({1: 1, 3: 18, 5: iv[:11]}), iv[:11])
    with_header("a Partial IV", dcbor({1: 1, 3: 18, 6: iv}))
    with_header("a counter beside the IV", dcbor({1: 1, 3: 18, 5: iv, 6: b"\x01"}))
    with_header("a kid beside the IV", dcbor({1: 1, 3: 18, 4: PLANT, 5: iv}))
    with_header("content type 112", dcbor({1: 1, 3: 112, 5: iv}))
    with_header("a label this profile does not know", dcbor({1: 1, 3: 18, 5: iv, 99: 0}))
    with_header("protected labels out of order", b"\xa3\x01\x01\x05" + dcbor(iv) + b"\x03\x12")
    with_header("a protected label twice", b"\xa4\x01\x01\x03\x12\x03\x12\x05" + dcbor(iv))
    with_header("a protected map of indefinite length", b"\xbf" + good_header[1:] + b"\xff")
    with_header("an empty protected header", b"")

    def with_recipient(name, recipient, unprotected=None, encrypted_key=b""):
        content = sealed(inner, recipient=recipient)
        add(name, cose_encrypt(good_header, content, [[recipient, unprotected or {}, encrypted_key]]))

    own = cose_key(public_point(ephemeral))
    with_recipient("another recipient's kid", recipient_header(b"plant-8", ephemeral))
    with_recipient("a recipient's kid of no bytes", recipient_header(b"", ephemeral))
    with_recipient("a recipient's kid of 33 bytes", recipient_header(b"r" * 33, ephemeral))
    with_recipient("a recipient's kid that is text", dcbor({1: -25, 4: "plant-7", -1: own}))
    with_recipient("no recipient's kid", dcbor({1: -25, -1: own}))
    with_recipient("the recipient's kid unprotected", dcbor({1: -25, -1: own}), {4: PLANT})
    with_recipient("no ephemeral key", dcbor({1: -25, 4: PLANT}))
    with_recipient("the ephemeral key unprotected", dcbor({1: -25, 4: PLANT}), {-1: own})
    with_recipient("the key's algorithm is ECDH-ES + HKDF-512", dcbor({1: -26, 4: PLANT, -1: own}))
    with_recipient("the key's algorithm is direct", dcbor({1: -6, 4: PLANT, -1: own}))
    with_recipient("a salt, ignored", dcbor({1: -25, 4: PLANT, -1: own, -20: b"salt"}))
    with_recipient("an unprotected salt, ignored", good_recipient, {-20: b"salt"})
    salted = sealed(inner, salt=b"salt")
    add("an unprotected salt, used", cose_encrypt(good_header, salted, [[good_recipient, {-20: b"salt"}, b""]]))
    party = sealed(inner, party_u=[b"dormouse-1", None, None])
    add("a PartyU identity", cose_encrypt(good_header, party, [[good_recipient, {-21: b"dormouse-1"}, b""]]))
    with_recipient("an encrypted key", good_recipient, encrypted_key=b"\x00")
    with_recipient("a label of no meaning", dcbor({1: -25, 4: PLANT, 10: 0, -1: own}))
    with_recipient("an unprotected label of no meaning", good_recipient, {99: 0})
    full = public_point(ephemeral)
    with_recipient("the ephemeral key uncompressed", dcbor({1: -25, 4: PLANT, -1: {**own, -3: full[33:]}}))
    with_recipient("the curve is P-384", dcbor({1: -25, 4: PLANT, -1: {**own, -1: 2}}))
    with_recipient("the key is an OKP", dcbor({1: -25, 4: PLANT, -1: {**own, 1: 1}}))
    with_recipient("the key has an algorithm", dcbor({1: -25, 4: PLANT, -1: {**own, 3: -25}}))
    with_recipient("x of 31 bytes", dcbor({1: -25, 4: PLANT, -1: {**own, -2: full[1:32]}}))
    with_recipient("x of 33 bytes", dcbor({1: -25, 4: PLANT, -1: {**own, -2: b"\x00" + full[1:33]}}))
    with_recipient("x of no point", dcbor({1: -25, 4: PLANT, -1: {**own, -2: x_of_no_point()}}))
    with_recipient("x above the field's prime", dcbor({1: -25, 4: PLANT, -1: {**own, -2: (P + 5).to_bytes(32, "big")}}))
    with_recipient("y is 0", dcbor({1: -25, 4: PLANT, -1: {**own, -3: 0}}))
    shuffled = b"\xa3\x01\x38\x18\x20" + dcbor(own) + b"\x04" + dcbor(PLANT)
    with_recipient("the recipient's labels out of order", shuffled)
    disordered = b"\xa4\x20\x01\x01\x02\x21" + dcbor(own[-2]) + b"\x22" + dcbor(own[-3])
    with_recipient("the key's labels out of order", b"\xa3\x01\x38\x18\x04" + dcbor(PLANT) + b"\x20" + disordered)
    twice = [[good_recipient, {}, b""], [good_recipient, {}, b""]]
    add("two recipients", cose_encrypt(good_header, ciphertext, twice))
    add("no recipients", cose_encrypt(good_header, ciphertext, []))
    add("a recipient within a recipient", cose_encrypt(good_header, ciphertext, [[good_recipient, {}, b"", to_good]]))

    def holding(name, plaintext, content_type=18, without_signer="bad"):
        protected = content_header(iv, content_type)
        add(name, cose_encrypt(protected, sealed(plaintext, protected), to_good), without_signer)

    holding("not signed", SENML, None, "unauthenticated")
    holding("not signed, SenML as JSON", SENML_JSON, 110, "unauthenticated")
    odd = dcbor({1: 1, 5: iv, 99: 0})
    add("not signed, a label this profile does not know", cose_encrypt(odd, sealed(SENML, odd), to_good))
    holding("said to be signed", SENML)
    holding("signed, but said to be SenML", inner, None, "unauthenticated")
    holding("nothing, said to be signed", b"")
    holding("signed, and one byte more", inner + b"\x00")
    holding("signed, untagged", dcbor(cbor2.loads(inner).value))

    def from_device(name, protected=device_header, aad=origin_aad(READINGS, PLANT), key=DEVICE, payload=SENML, rest="unauthenticated"):
        holding(name, signed(key, protected, aad, payload), 18, rest)

    from_device("signed for another topic", aad=origin_aad(WILL, PLANT))
    from_device("signed for another recipient", aad=origin_aad(READINGS, b"plant-8"))
    from_device("signed as a message of its own", aad=READINGS.encode())
    from_device("signed by another device", key=OTHER_DEVICE)
    from_device("another sender's kid", header(-7, kid("dormouse-2", 1), counter))
    from_device("another epoch's kid", header(-7, kid("dormouse-1", 2), counter))
    from_device("a signature around a signature", header(-7, kid("dormouse-1", 1), counter, 18), rest="bad")
    from_device("signed without a counter", dcbor({1: -7, 4: kid("dormouse-1", 1)}), rest="bad")
    from_device("signed with another algorithm", header(-35, kid("dormouse-1", 1), counter), rest="bad")
    wrong = sign1(device_header, {}, SENML, bytes(64))
    holding("a signature of zeros", wrong, 18, "unauthenticated")
    return {
        **recipient_about(PLANT),
        "signer": signer_about(DEVICE),
        "topic": READINGS,
        "counter": counter,
        "payload": SENML.hex(),
        "cases": cases,
    }


def x_of_no_point():
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    x = next(x for x in range(1, 100) if pow((x**3 - 3 * x + b) % P, (P - 1) // 2, P) == P - 1)
    return x.to_bytes(32, "big")


# The operator's consent


def operator_message(outer_alg, counter, operator_kid, consent, outer_header):
    """The outer message, whatever it holds."""
    if outer_alg == 5:
        key = hkdf(SECRET, key_info(5, "controller-1", 0, "down", COMMAND), 32)
        return mac0(outer_header, {}, consent, tag_of(5, key, outer_header, COMMAND, consent))
    seal = Seal(outer_alg, "controller-1", 0, "down", COMMAND)
    return encrypt0(outer_header, {}, seal.ciphertext(outer_header, counter, consent))


def operator_about(alg, counter):
    about = {"secret": SECRET.hex(), "alg": alg, "senderId": "controller-1", "epoch": 0, "direction": "down"}
    about |= {"topic": COMMAND, "counter": counter, "operatorKid": b"ops".hex()}
    return {**about, "operatorKey": der(OPERATOR), "operatorPoint": public_point(OPERATOR).hex()}


REBOOT = dcbor(["reboot", [], 1800000000, 1800000600, None])


def operator_cases():
    cases = []
    for alg in (5, 24):
        for counter in (0, 300):
            outer_kid = kid("controller-1", 0)
            outer = header(alg, outer_kid, counter, 18)
            protected = header(-7, b"ops", counter, 60)
            aad = dcbor([COMMAND, outer_kid])
            consent = signed(OPERATOR, protected, aad, REBOOT)
            cases.append(
                {
                    "name": f"alg {alg}, counter {counter}",
                    **operator_about(alg, counter),
                    "command": REBOOT.hex(),
                    "protected": protected.hex(),
                    "externalAad": aad.hex(),
                    "sigStructure": sig_structure(protected, aad, REBOOT).hex(),
                    "signed": consent.hex(),
                    "message": operator_message(alg, counter, b"ops", consent, outer).hex(),
                }
            )
    return cases


def operator_reject_file():
    """The outer message is authentic in each; what the operator is said to have signed is not."""
    counter, outer_kid = 300, kid("controller-1", 0)
    outer = header(5, outer_kid, counter, 18)
    good = header(-7, b"ops", counter, 60)
    aad = dcbor([COMMAND, outer_kid])

    def message(consent, outer_header=outer):
        return operator_message(5, counter, b"ops", consent, outer_header)

    consent = signed(OPERATOR, good, aad, REBOOT)
    cases, add = new_list(message(consent))
    add("the command alone, said to be signed", message(REBOOT))
    add("signed, but said to be a command", message(consent, header(5, outer_kid, counter, 60)))
    add("signed, but said to be SenML", message(consent, header(5, outer_kid, counter)))
    add("one byte more", message(consent + b"\x00"))
    add("untagged", message(dcbor(cbor2.loads(consent).value)))
    add("signed by the device", message(signed(DEVICE, good, aad, REBOOT)))
    add("signed for another device's topic", message(signed(OPERATOR, good, dcbor(["sensors/dormouse-2/command", outer_kid]), REBOOT)))
    other = dcbor([COMMAND, kid("controller-2", 0)])
    add("signed for another controller", message(signed(OPERATOR, good, other, REBOOT)))
    add("signed for the topic alone", message(signed(OPERATOR, good, COMMAND.encode(), REBOOT)))
    for name, protected in {
        "signed for another counter": header(-7, b"ops", counter + 1, 60),
        "another operator's kid": header(-7, b"opt", counter, 60),
        "no content type": header(-7, b"ops", counter),
        "content type 110": header(-7, b"ops", counter, 110),
        "content type 18": header(-7, b"ops", counter, 18),
        "another algorithm": header(-35, b"ops", counter, 60),
        "no counter": dcbor({1: -7, 3: 60, 4: b"ops"}),
    }.items():
        add(name, message(signed(OPERATOR, protected, aad, REBOOT)))
    add("an unprotected kid", message(signed(OPERATOR, good, aad, REBOOT, {4: b"ops"})))
    add("a signature of zeros", message(sign1(good, {}, REBOOT, bytes(64))))
    return {**operator_about(5, counter), "payload": REBOOT.hex(), "cases": cases}


def write_all(folder):
    write(folder, "seal", "COSE_Encrypt0 messages, and what they are made of", seal_cases(), SOURCE)
    about = "One message to accept, and its neighbours to refuse"
    for alg, name in {24: "chacha", 10: "ccm"}.items():
        write(folder, f"seal-reject-{name}", about, seal_reject_file(alg), SOURCE)
    write(folder, "sign", "COSE_Sign1 messages, and what they are made of; keys as PKCS #8", sign_cases(), SOURCE)
    write(folder, "sign-reject", about, sign_reject_file(), SOURCE)
    write(folder, "seal-to", "COSE_Encrypt messages by given ephemeral keys and IVs", seal_to_cases(), SOURCE)
    write(folder, "seal-to-reject", about, seal_to_reject_file(), SOURCE)
    write(folder, "operator", "Commands that an operator signed, and what they are made of", operator_cases(), SOURCE)
    write(folder, "operator-reject", about, operator_reject_file(), SOURCE)
