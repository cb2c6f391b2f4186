"""Receives what Dormouse devices publish: verifies or decrypts it, tells replays, prints one line a message:
    python3 receive.py KEYRING.json REPLAY.db mqtts://BROKER:8883 'sensors/+/readings' [CA.pem]
docs/receivers.md has the keyring, docs/sealed.md the bytes of a message. Several receivers share the work by
'$share/plant/sensors/+/readings' and one replay file. Debian: python3-{paho-mqtt,cbor2,cryptography}"""
import hashlib, hmac, json, os, sqlite3, sys, time, urllib.parse, cbor2
from paho.mqtt.client import Client, MQTTv5, topic_matches_sub as matches
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ALGORITHMS = {  # number (RFC 9053), bytes of key, nonce and tag, cipher (none: HMAC)
    "stamp": (5, 32, 0, 32, None), "hmac-256": (5, 32, 0, 32, None), "hmac-256-64": (4, 32, 0, 8, None),
    "seal": (24, 32, 12, 16, ChaCha20Poly1305), "chacha20-poly1305": (24, 32, 12, 16, ChaCha20Poly1305),
    "a128gcm": (1, 16, 12, 16, AESGCM), "a256gcm": (3, 32, 12, 16, AESGCM),
    "aes-ccm-16-64-128": (10, 16, 13, 8, lambda key: AESCCM(key, 8))}
CONTENT = {None: None, 110: 110, 60: 60}  # SenML as CBOR, SenML as JSON, other CBOR; 18 is a COSE_Sign1
LABELS = {-4: "bu", -3: "bt", -2: "bn", 0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 6: "t"}  # RFC 8428 §6

def dcbor(value):
    return cbor2.dumps(value, canonical=True)
def cose(tag, header, *rest):  # the one way to write it; what is None is left out of its header
    return dcbor(cbor2.CBORTag(tag, [dcbor({k: v for k, v in header.items() if v is not None}), {}, *rest]))
def hkdf(secret, length, *context):
    return HKDF(hashes.SHA256(), length, None, dcbor(context)).derive(secret)

def own(entry, message):  # of a factory image: what the device has made of it, by the salt in the kid
    if not entry.get("factory"): return entry
    kid = cbor2.loads(cbor2.loads(message).value[0])[4]
    sender, epoch, salt = cbor2.loads(kid)
    if sender != entry["device"].encode() or [len(salt), epoch] != [16, int.from_bytes(salt[:4], "big") >> 1]:
        raise ValueError("not of this device")
    entry = {**entry, "epoch": epoch, "kid": kid.hex()}
    if "secret" not in entry: return entry
    kdf = HKDF(hashes.SHA256(), 32, salt, dcbor(["dormouse1", "next-secret", epoch]))
    return {**entry, "secret": kdf.derive(bytes.fromhex(entry["secret"])).hex()}

def symmetric(entry, topic, direction="up"):  # what the keyring says of a topic: a message never does
    how = entry["topics"][topic] if "secret" in entry else entry["algorithm"]
    number, length, nonce, tag, cipher = ALGORITHMS[how["algorithm"] if type(how) is dict else how]
    if "key" in entry:
        return number, bytes.fromhex(entry["key"]), bytes.fromhex(entry.get("contextIv", "")), tag, cipher
    def derive(alg, size, *more):
        who, what = [entry["device"].encode(), entry["epoch"], None], ["dormouse1", direction, topic, *more]
        return hkdf(bytes.fromhex(entry["secret"]), size, alg, who, [None] * 3, [8 * size, b"", dcbor(what)])
    return number, derive(number, length), cipher and derive(34, nonce, number), tag, cipher

def verified(message, entry, aad, number=-7, key=None, iv=None, size=64, cipher=None):
    """Payload, content type, counter and identity of what the entry's owner has stamped, sealed or signed."""
    tag, word = (16, "Encrypt0") if cipher else (17, "MAC0") if key else (18, "Signature1")
    head, _, content, *proof = cbor2.loads(message).value
    found, kid = cbor2.loads(head), bytes.fromhex(entry.get("kid", ""))
    kid = kid or dcbor([entry["device"].encode(), entry["epoch"]])
    if found[4][:1] + found[4][1:-17] == b"\x83" + kid[1:]: kid = found[4]  # and a salt behind it: see own()
    kind, counter = CONTENT[found.get(3)], int.from_bytes(found[6], "big")
    header = {1: number, 3: kind, 4: kid, 6: counter.to_bytes((counter.bit_length() + 7) // 8 or 1, "big")}
    if counter >= 2**40 or message != cose(tag, header, content, *proof) or type(content) is not bytes:
        raise ValueError("not of this sender, algorithm and form")
    if cipher and not proof:
        nonce = (int.from_bytes(iv, "big") ^ counter).to_bytes(len(iv), "big")
        return cipher(key).decrypt(nonce, content, dcbor([word, head, aad])), kind, counter, content[-size:]
    [proof], structure = proof, dcbor([word, head, aad, content])
    if key and not cipher and hmac.compare_digest(hmac.digest(key, structure, "sha256")[:size], proof):
        return content, kind, counter, proof
    if key or len(proof) != size: raise ValueError("not authentic")
    r, s = int.from_bytes(proof[:32], "big"), int.from_bytes(proof[32:], "big")
    public = serialization.load_pem_public_key(entry["publicKey"].encode())
    public.verify(utils.encode_dss_signature(r, s), structure, ec.ECDSA(hashes.SHA256()))
    return content, kind, counter, hashlib.sha256(structure).digest()[:16]

def unsealed(message, entry, topic, signer):  # without a signer nobody vouches for it: it has no counter
    head, _, ciphertext, [[recipient, *_]] = cbor2.loads(message).value
    found, point, kid = cbor2.loads(head), cbor2.loads(recipient)[-1], entry["recipient"].encode()
    iv, kind, x, odd = found[5], 18 if signer else CONTENT[found.get(3)], point[-2], point[-3] is True
    recipient = dcbor({1: -25, 4: kid, -1: {1: 2, -1: 1, -2: x, -3: odd}})
    if message != cose(96, {1: 1, 3: kind, 5: iv}, ciphertext, [[recipient, {}, b""]]) or len(iv) != 12:
        raise ValueError("not sealed to this recipient, or not as the keyring says")
    private = serialization.load_pem_private_key(entry["privateKey"].encode(), None)
    ephemeral = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes([2 + odd]) + x)
    key = hkdf(private.exchange(ec.ECDH(), ephemeral), 16, 1, [None] * 3, [None] * 3, [128, recipient])
    content = AESGCM(key).decrypt(iv, ciphertext, dcbor(["Encrypt", head, topic.encode()]))
    return verified(content, signer, dcbor([topic, kid])) if signer else (content, kind, None, None)

def admit(db, who, counter, identity):  # fresh is a counter once, for all who share the file
    with db:
        db.execute("BEGIN IMMEDIATE")
        seen = dict(db.execute("SELECT counter, identity FROM seen WHERE who = ?", [who]))
        if counter in seen: return "duplicate" if seen[counter] == identity else "conflict"
        if counter <= max(seen, default=0) - 4096: return "stale"
        db.execute("INSERT INTO seen VALUES (?, ?, ?)", [who, counter, identity])
        db.execute("DELETE FROM seen WHERE who = ? AND counter <= ?", [who, max([counter, *seen]) - 4096])
        return "fresh"

def judge(keyring, db, topic, message):  # what is not verified changes nothing, and is not shown
    problem, now = "no key for this topic", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    for entry, signer in keyring:
        topics, owner = entry.get("topics", [entry["topic"]] if "topic" in entry else []), signer or entry
        if entry.get("direction") == "down" or not any(matches(one, topic) for one in topics): continue
        try:
            if not any(matches(one, topic) for one in owner.get("topics", [topic])): raise ValueError("topic")
            if now >= min(entry.get("until", "9"), owner.get("until", "9")): raise ValueError("expired")
            if owner is entry: owner = entry = own(entry, message)
            key = () if "publicKey" in owner or "recipient" in entry else symmetric(entry, topic)
            content, kind, counter, identity = unsealed(message, entry, topic, signer) if (
                "recipient" in entry) else verified(message, entry, topic.encode(), *key)
            pack = json.loads(content) if kind == 110 else cbor2.loads(content)
            if kind is None: pack = [{LABELS.get(k, k): v for k, v in record.items()} for record in pack]
        except Exception as error:  # with a stranger's bytes anything may go wrong
            problem = repr(error)
            continue
        who = json.dumps([owner.get("device"), owner.get("epoch"), topic])
        verdict = "unauthenticated" if counter is None else admit(db, who, counter, identity)
        return verdict, owner.get("device"), counter, json.dumps([topic, pack], default=repr)
    return "bad", None, None, json.dumps([topic, problem])

def main(path, replay, broker, topic, ca=None):
    if os.stat(path).st_mode & 0o077: raise ValueError(f"{path}: others may read it (chmod 600)")
    keyring = [(entry, by) for entry in json.load(open(path))["keys"] for by in entry.get("signers", [None])]
    db = sqlite3.connect(replay, timeout=10, isolation_level=None)
    db.execute("CREATE TABLE IF NOT EXISTS seen (who, counter, identity, PRIMARY KEY (who, counter))")
    url, client = urllib.parse.urlsplit(broker), Client(protocol=MQTTv5)
    client.on_connect = lambda *said: client.subscribe(topic, 1) if said[3] == 0 else sys.exit(str(said[3]))
    client.on_message = lambda _, data, came: print(*judge(keyring, db, came.topic, came.payload), flush=True)
    if {"mqtt": False, "mqtts": True}[url.scheme]: client.tls_set(ca)
    client.connect(url.hostname, url.port or (8883 if url.scheme == "mqtts" else 1883))
    client.loop_forever()

if __name__ == "__main__":
    try:
        main(*sys.argv[1:]) if len(sys.argv) in (5, 6) else sys.exit(__doc__)
    except (OSError, ValueError, KeyError, sqlite3.Error) as error:
        sys.exit(f"receive.py: {error}")
