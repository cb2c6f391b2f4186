import { base64 } from "../../../lib/websocket/base64.js";
import { makeRequest } from "../../../lib/websocket/request.js";
import { equal, fromHex, test, throws } from "../../device/harness.js";
import { accept, ascii, key, options, text } from "./script.js";

test("base64 of RFC 4648 §10", () => {
  const encoded = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
  for (const [length, expected] of encoded.entries())
    equal(base64(ascii("foobar".slice(0, length))), expected);
  equal(base64(fromHex("fbeffffbf0")), "++//+/A=");
});

test("the request, byte for byte", () => {
  const lines = [
    "GET /mqtt HTTP/1.1",
    "Host: broker.example.org",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Protocol: mqtt",
    "",
    "",
  ];
  equal(text(makeRequest(options).bytes), lines.join("\r\n"));
});

test("what the answer must accept with: the example of RFC 6455 §1.3", () => {
  equal(makeRequest(options).accept, accept);
});

function hostLine(more: object): string {
  return text(makeRequest({ ...options, ...more }).bytes).split("\r\n")[1]!;
}

test("Host has the port unless it is the scheme's own", () => {
  equal(hostLine({ port: 443 }), "Host: broker.example.org");
  equal(hostLine({ port: 80 }), "Host: broker.example.org:80");
  equal(hostLine({ port: 80, encrypted: false }), "Host: broker.example.org");
  equal(hostLine({ port: 443, encrypted: false }), "Host: broker.example.org:443");
  equal(hostLine({ host: "192.0.2.7", port: 8443 }), "Host: 192.0.2.7:8443");
  equal(hostLine({ host: "2001:db8::7", port: 8443 }), "Host: [2001:db8::7]:8443");
});

test("nothing can slip into the request by host or path", () => {
  const make = (more: object) => () => makeRequest({ ...options, ...more });
  for (const path of [
    "",
    "mqtt",
    "/mq tt",
    "/a\r\nX: y",
    "/a\u0000",
    "/é",
    "/a\u007f",
    "/a#b",
    `/${"a".repeat(255)}`,
  ])
    throws(make({ path }), RangeError, /path/);
  for (const path of ["/", "/!$~", "/mqtt?token=a%20b&c", `/${"a".repeat(254)}`]) make({ path })();
  for (const host of ["", "a b", "a\r\nX: y", "a/b", "a@b", "[::1]", "a{", "a[", "a;b", "é", "a".repeat(254)])
    throws(make({ host }), RangeError, /host/);
  for (const host of ["a", "A-1.b_c", "Zz", "::1", "a".repeat(253)]) make({ host })();
  for (const port of [0, 65536, 1.5]) throws(make({ port }), RangeError, /port/);
  for (const port of [1, 65535]) make({ port })();
  throws(make({ key: key.subarray(1) }), RangeError, /16 bytes/);
  throws(make({ key: "dGhlIHNhbXBsZSBub25jZQ==" }), TypeError, /bytes/);
  throws(make({ path: 7 }), TypeError, /strings/);
});
