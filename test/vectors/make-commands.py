#!/usr/bin/env python3
"""Computes test/vectors/commands/*.json as make.py does the others, by code that shares nothing with lib/.

    python3 test/vectors/make-commands.py [FOLDER]      writes FOLDER/*.json (default: commands/ beside this file)

The formats are those of docs/commands.md and docs/sealed.md.
"""
import pathlib
import sys

sys.dont_write_bytecode = True
from make import SECRET, dcbor, hkdf, key_info, kid, mac0, tag_of, write  # noqa: E402
from protections import Seal, encrypt0, header  # noqa: E402

SOURCE = "test/vectors/make-commands.py (python3 hmac, hashlib; cbor2; cryptography)"
PLAIN_CBOR = 60
ISSUED = 1_800_000_000
BASE = "sensors/dormouse-1"


def message(alg, sender, direction, topic, counter, payload):
    if alg not in (4, 5):
        seal = Seal(alg, sender, 0, direction, topic)
        protected = header(alg, seal.kid, counter, PLAIN_CBOR)
        return encrypt0(protected, {}, seal.ciphertext(protected, counter, payload))
    key = hkdf(SECRET, key_info(alg, sender, 0, direction, topic), 32)
    protected = header(alg, kid(sender, 0), counter, PLAIN_CBOR)
    return mac0(protected, {}, payload, tag_of(alg, key, protected, topic, payload))


def exchange_cases():
    challenge = bytes(range(8))
    cases = []

    def add(alg, controller, counter, name, args, lifetime, given, device_counter, status, value, following):
        command = dcbor([name, args, ISSUED, ISSUED + lifetime, given])
        result = dcbor([controller, counter, status, value, following])
        cases.append(
            {
                "secret": SECRET.hex(),
                "alg": alg,
                "controller": controller,
                "device": "dormouse-1",
                "base": BASE,
                "counter": counter,
                "name": name,
                "args": args,
                "issuedAt": ISSUED,
                "expiresAt": ISSUED + lifetime,
                "challenge": given.hex() if given else None,
                "kid": kid(controller, 0).hex(),
                "command": command.hex(),
                "message": message(alg, controller, "down", BASE + "/command", counter, command).hex(),
                "deviceCounter": device_counter,
                "status": status,
                "value": value.hex() if isinstance(value, bytes) else value,
                "valueIsBytes": isinstance(value, bytes),
                "nextChallenge": following.hex() if following else None,
                "result": result.hex(),
                "resultMessage": message(alg, "dormouse-1", "up", BASE + "/result", device_counter, result).hex(),
            }
        )

    add(5, "office", 300, "led", [True], 3600, None, 42, "done", None, None)
    add(5, "office", 301, "fan.set", [3, -1, 0.5, "low"], 60, challenge, 43, "done", 21.5, challenge)
    add(4, "k\u00fcche", 2**40 - 1, "x", [], 0, None, 2**40 - 1, "challenge", None, challenge)
    add(24, "office", 302, "led", [False], 3600, None, 44, "failed", "the valve is stuck", None)
    add(1, "office", 303, "raw", [2**53 - 1, -(2**53) + 1, 1e300], 3600, None, 45, "done", b"\x00\xff", None)
    return cases


def main():
    here = pathlib.Path(__file__).resolve().parent
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "commands"
    folder.mkdir(parents=True, exist_ok=True)
    about = "A command and the device's answer, as payloads and as messages; bytes in hex"
    write(folder, "exchange", about, exchange_cases(), SOURCE)


if __name__ == "__main__":
    main()
