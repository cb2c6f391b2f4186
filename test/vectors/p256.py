"""P-256, ECDSA as of RFC 6979 and ECDH, with Python's own numbers; slow, and for vectors only: their time tells the keys.
"""
import hashlib
import hmac

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


def multiply(k, point=G):
    result = None
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


def public_point(key):
    """Of a private number: 04, x, y."""
    x, y = multiply(number(key))
    return b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")


def shared_x(key, point):
    """ECDH: the x coordinate that both ends get."""
    other = (number(point[1:33]), number(point[33:65]))
    return multiply(number(key), other)[0].to_bytes(32, "big")


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
