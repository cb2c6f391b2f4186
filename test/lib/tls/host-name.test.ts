import { peerName } from "../../../lib/tls/host-name.js";
import { bytes, equal, test, throws } from "../../device/harness.js";

function address(text: string): Uint8Array {
  const peer = peerName(text);
  if (peer.kind !== "address") throw new Error(`${text} is a name`);
  return peer.address;
}

test("a host name is kept, without the dot of the root", () => {
  for (const name of ["localhost", "broker.example.org", "a-b.c_d.x1", "1.broker", "xn--mller-kva.example"])
    equal(peerName(name), { kind: "name", name });
  equal(peerName("broker.example.org."), { kind: "name", name: "broker.example.org" });
});

test("what is no host name is refused", () => {
  const label = "a".repeat(63);
  peerName(`${label}.${label}`);
  const wrong = [
    "",
    ".",
    "a..b",
    "-a",
    "a-",
    "a.-",
    "a b",
    "müller",
    "a/b",
    "a@",
    "a[",
    "a`",
    "a{",
    "*.example.org",
  ];
  for (const text of [...wrong, `${label}a`, "\u212a"]) throws(() => peerName(text), RangeError);
  throws(() => peerName(`${`${label}.`.repeat(4)}a`), RangeError);
});

test("an IPv4 address has four decimal bytes", () => {
  bytes(address("127.0.0.1"), "7f000001");
  bytes(address("255.255.255.0"), "ffffff00");
  for (const text of [
    "127.0.0",
    "127.0.0.256",
    "127.0.0.01",
    "1.2.3.4.5",
    "1..2.3",
    "127",
    "1.2.3.4.",
    ".1.2.3",
  ])
    throws(() => peerName(text), RangeError);
});

test("an IPv6 address is read in every form of RFC 4291 §2.2", () => {
  bytes(address("2001:db8::8:800:200c:417a"), "20010db80000000000080800200c417a");
  bytes(address("::1"), "00000000000000000000000000000001");
  bytes(address("::"), "00000000000000000000000000000000");
  bytes(address("1::"), "00010000000000000000000000000000");
  bytes(address("1:2:3:4:5:6:7:8"), "00010002000300040005000600070008");
  bytes(address("::ffff:192.0.2.1"), "00000000000000000000ffffc0000201");
  for (const text of [
    "1:2",
    ":",
    "1::2::3",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8",
    "1:2:3:4:5:6:7:1.2.3.4",
    "1.2.3.4:1:2:3:4:5:6",
    ":1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:",
    "1:::2",
    "12345::",
    "::g",
    "fe80::1%eth0",
  ])
    throws(() => peerName(text), RangeError);
});
