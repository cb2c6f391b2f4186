#!/usr/bin/env python3
"""Receives what Dormouse devices publish: verifies or decrypts it, knows replays, prints one line a message.

    receive.py KEYRING.json REPLAY.db mqtts://BROKER:8883 'sensors/+/readings' [CA.pem]

Several receivers share the work by '$share/plant/sensors/+/readings' and one replay file; MQTT_USERNAME and
MQTT_PASSWORD are used when set. docs/receivers.md has the keyring, docs/sealed.md the bytes of a message. Needs
python3-paho-mqtt, python3-cbor2 and python3-cryptography, as Debian has them."""
import hashlib, hmac, json, os, sqlite3, sys, urllib.parse
import cbor2, paho.mqtt.client as mqtt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from receiver_parts import CONTENT_TYPES, Keyring, ReplayWindow, records

ALGORITHMS = {  # number (RFC 9053), bytes of key, nonce and tag, cipher (none: HMAC)
    "hmac-256": (5, 32, 0, 32, None), "hmac-256-64": (4, 32, 0, 8, None),
    "chacha20-poly1305": (24, 32, 12, 16, ChaCha20Poly1305), "a128gcm": (1, 16, 12, 16, AESGCM),
    "a256gcm": (3, 32, 12, 16, AESGCM), "aes-ccm-16-64-128": (10, 16, 13, 8, lambda key: AESCCM(key, 8))}
DEFAULTS = {"stamp": "hmac-256", "seal": "chacha20-poly1305"}

def dcbor(value):
    return cbor2.dumps(value, canonical=True)

def cose(tag, header, *rest):
    """The one way to write a message; what is None is left out of its header."""
    return dcbor(cbor2.CBORTag(tag, [dcbor({k: v for k, v in header.items() if v is not None}), {}, *rest]))

def hkdf(secret, length, *context):
    return HKDF(hashes.SHA256(), length, None, dcbor(context)).derive(secret)

def symmetric(entry, topic, direction="up"):
    """Number, key, Context IV, tag length and cipher for a topic: the keyring says it, a message never does."""
    how = entry["topics"][topic] if "secret" in entry else entry["algorithm"]
    number, length, nonce, tag, cipher = ALGORITHMS[how["algorithm"] if type(how) is dict else DEFAULTS.get(how, how)]
    if "secret" not in entry:
        return number, bytes.fromhex(entry["key"]), bytes.fromhex(entry.get("contextIv", "")), tag, cipher
    def derive(alg, size, *more):
        sender, binding = [entry["device"].encode(), entry["epoch"], None], ["dormouse1", direction, topic, *more]
        return hkdf(bytes.fromhex(entry["secret"]), size, alg, sender, [None] * 3, [8 * size, b"", dcbor(binding)])
    return number, derive(number, length), cipher and derive(34, nonce, number), tag, cipher

def verified(message, entry, aad, number=-7, key=None, iv=None, size=64, cipher=None):
    """Payload, content type, counter and identity of a stamp, seal or signature that the entry's owner has made."""
    tag, word = (16, "Encrypt0") if cipher else (17, "MAC0") if key else (18, "Signature1")
    protected, _, content, *proof = cbor2.loads(message).value
    found, kid = cbor2.loads(protected), bytes.fromhex(entry.get("kid", ""))
    kind, counter = CONTENT_TYPES[found.get(3)], int.from_bytes(found[6], "big")
    header = {1: number, 3: kind, 4: kid or dcbor([entry["device"].encode(), entry["epoch"]]),
              6: counter.to_bytes((counter.bit_length() + 7) // 8 or 1, "big")}
    if counter >= 2**40 or message != cose(tag, header, content, *proof[:not cipher]) or type(content) is not bytes:
        raise ValueError("not this sender, this algorithm or the one form")
    if cipher:
        nonce = (int.from_bytes(iv, "big") ^ counter).to_bytes(len(iv), "big")
        return cipher(key).decrypt(nonce, content, dcbor([word, protected, aad])), kind, counter, content[-size:]
    [proof], structure = proof, dcbor([word, protected, aad, content])
    identity = hmac.digest(key, structure, "sha256")[:size] if key else hashlib.sha256(structure).digest()[:16]
    if len(proof) != size or key and not hmac.compare_digest(identity, proof):
        raise ValueError("not authentic")
    if not key:
        signature = utils.encode_dss_signature(int.from_bytes(proof[:32], "big"), int.from_bytes(proof[32:], "big"))
        public = serialization.load_pem_public_key(entry["publicKey"].encode())
        public.verify(signature, structure, ec.ECDSA(hashes.SHA256()))
    return content, kind, counter, identity

def unsealed(message, entry, topic):
    """The same of what is sealed to a recipient; without a signer nobody vouches for it, and it has no counter."""
    protected, _, ciphertext, [[recipient, *_]] = cbor2.loads(message).value
    found, point, kid = cbor2.loads(protected), cbor2.loads(recipient)[-1], entry["recipient"].encode()
    iv, kind, x, odd = found[5], 18 if entry["signer"] else CONTENT_TYPES[found.get(3)], point[-2], point[-3] is True
    recipient = dcbor({1: -25, 4: kid, -1: {1: 2, -1: 1, -2: x, -3: odd}})
    if message != cose(96, {1: 1, 3: kind, 5: iv}, ciphertext, [[recipient, {}, b""]]) or len(iv) != 12:
        raise ValueError("not sealed to this recipient, or not as the keyring says")
    private = serialization.load_pem_private_key(entry["privateKey"].encode(), None)
    ephemeral = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes([2 + odd]) + x)
    key = hkdf(private.exchange(ec.ECDH(), ephemeral), 16, 1, [None] * 3, [None] * 3, [128, recipient])
    content = AESGCM(key).decrypt(iv, ciphertext, dcbor(["Encrypt", protected, topic.encode()]))
    return verified(content, entry["signer"], dcbor([topic, kid])) if entry["signer"] else (content, kind, None, None)

def judge(keyring, window, topic, message):
    """Verdict, sender, counter and content: a message that is not verified changes nothing, and is not shown."""
    problem = "no key for this topic"
    for entry in keyring.for_topic(topic):
        try:
            content, kind, counter, identity = unsealed(message, entry, topic) if "recipient" in entry else verified(
                message, entry, topic.encode(), *(() if "publicKey" in entry else symmetric(entry, topic)))
            content = records(content, kind)
        except Exception as error:  # with a stranger's bytes anything may go wrong
            problem = repr(error)
            continue
        return *window.verdict(entry, topic, counter, identity), content
    return "bad", "-", "-", problem

def main(keyring, replay, broker, topic, ca=None):
    keyring, window, url = Keyring(keyring), ReplayWindow(replay), urllib.parse.urlsplit(broker)
    def subscribe(client, _, flags, code, properties):
        if code != 0:
            raise OSError(f"{broker}: {code}")
        client.subscribe(topic, 1)
    def show(client, _, came):
        *verdict, content = judge(keyring, window, came.topic, came.payload)
        print(*verdict, json.dumps([came.topic, content], default=repr), flush=True)
    client = mqtt.Client(protocol=mqtt.MQTTv5)
    client.on_connect, client.on_message = subscribe, show
    client.on_subscribe = lambda *told: told[3][0].value < 128 or sys.exit(f"receive.py: {topic}: {told[3][0]}")
    if "MQTT_USERNAME" in os.environ:
        client.username_pw_set(os.environ["MQTT_USERNAME"], os.environ.get("MQTT_PASSWORD"))
    port = {"mqtt": 1883, "mqtts": 8883}[url.scheme]
    if url.scheme == "mqtts":
        client.tls_set(ca)
    client.connect(url.hostname, url.port or port)
    client.loop_forever()

if __name__ == "__main__":
    try:
        main(*sys.argv[1:]) if len(sys.argv) in (5, 6) else sys.exit(__doc__)
    except (OSError, ValueError, KeyError, TypeError, sqlite3.Error) as error:
        sys.exit(f"receive.py: {error}")
