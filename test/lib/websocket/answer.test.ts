import { equal, ok, test } from "../../device/harness.js";
import { accept, answerOf, ascii, goodLines, opening, text } from "./script.js";

/** The good answer with one line in place of another (of that name), or more. */
function answerWith(name: string, ...lines: readonly string[]): Uint8Array {
  const others = goodLines.filter((one) => !one.startsWith(name));
  const at = goodLines.findIndex((one) => one.startsWith(name));
  return answerOf(...others.slice(0, at), ...lines, ...others.slice(at));
}

function accepted(answer: Uint8Array): void {
  opening().receive(answer).expect("open");
  opening().receiveBytewise(answer).expect("open");
}

function refused(answer: Uint8Array, words: string, kind = "protocol-error 0"): void {
  opening().receive(answer).expect(`failed ${kind}`, "closed").says(words);
  opening().receiveBytewise(answer).expect(`failed ${kind}`, "closed").says(words);
}

test("an answer as it should be opens, in one piece, byte by byte and in any two", () => {
  const answer = answerOf(...goodLines);
  accepted(answer);
  for (let cut = 1; cut < answer.length; cut++)
    opening().receive(answer.subarray(0, cut)).expect().receive(answer.subarray(cut)).expect("open");
});

test("names in any case, blanks around values, other fields and any order are fine", () => {
  accepted(
    answerOf(
      "HTTP/1.1 101 ",
      "sec-websocket-PROTOCOL:mqtt",
      'Server: nginx/1.2 (X) "y"',
      "Empty:",
      `SEC-WEBSOCKET-ACCEPT: \t ${accept} \t`,
      "connection: keep-alive ,\tUPGRADE",
      "Content-Length: 0",
      "upgrade: WebSocket",
    ),
  );
  accepted(answerWith("HTTP/1.1 101", "HTTP/1.1 101"));
  for (const list of [
    "keep-alive,upgrade",
    ",upgrade",
    "upgrade , keep-alive",
    "a, upgrade\t ,,b",
    "upgrade,",
  ])
    accepted(answerWith("Connection", `Connection: ${list}`));
  // A list in two lines is one list (RFC 9110 §5.3).
  accepted(answerWith("Connection", "Connection: keep-alive", "Connection: upgrade"));
});

test("a field that is missing", () => {
  refused(answerWith("Upgrade"), "no Upgrade");
  refused(answerWith("Connection"), "no Connection");
  refused(answerWith("Sec-WebSocket-Accept"), "no Sec-WebSocket-Accept");
  refused(answerWith("Sec-WebSocket-Protocol"), "subprotocol mqtt"); // [MQTT-6.0.0-4]
});

test("a field that is there twice", () => {
  refused(answerWith("Upgrade", "Upgrade: websocket", "Upgrade: websocket"), "Upgrade is there twice");
  const line = `Sec-WebSocket-Accept: ${accept}`;
  refused(answerWith("Sec-WebSocket-Accept", line, line), "Accept is there twice");
  const protocol = "Sec-WebSocket-Protocol: mqtt";
  refused(answerWith("Sec-WebSocket-Protocol", protocol, protocol), "Protocol is there twice");
});

test("a field with another value", () => {
  refused(answerWith("Upgrade", "Upgrade: websockets"), "Upgrade is not websocket");
  refused(answerWith("Upgrade", "Upgrade: h2c, websocket"), "Upgrade is not websocket");
  refused(answerWith("Upgrade", "Upgrade: websocked"), "Upgrade is not websocket");
  for (const list of ["upgrades", "upgrada", "keep-alive", "upgrade keep-alive", "up,grade", ",", " "])
    refused(answerWith("Connection", `Connection: ${list}`), "no Connection");
  refused(answerWith("Connection", "Connection: keep-alive, up grade"), "no Connection");
  refused(answerWith("Connection", "Connection:"), "no Connection");
  for (const wrong of [accept.slice(1), `${accept}=`, accept.toLowerCase(), `"${accept}"`, ""])
    refused(answerWith("Sec-WebSocket-Accept", `Sec-WebSocket-Accept: ${wrong}`), "does not belong");
  for (const wrong of ["MQTT", "mqttv3.1", "mqtt, mqtt", "chat", ""])
    refused(answerWith("Sec-WebSocket-Protocol", `Sec-WebSocket-Protocol: ${wrong}`), "is not mqtt");
});

test("an extension that was not offered", () => {
  refused(
    answerWith("Upgrade", "Upgrade: websocket", "Sec-WebSocket-Extensions: permessage-deflate"),
    "extension",
  );
});

test("a status other than 101 is a refusal with that status, at once", () => {
  const statuses: Readonly<Record<number, string>> = {
    100: "does not say why",
    200: "takes no WebSocket",
    300: "redirects",
    301: "redirects",
    307: "redirects",
    400: "takes no WebSocket",
    401: "authorization",
    403: "authorization",
    404: "nothing at this path",
    410: "nothing at this path",
    426: "takes no WebSocket",
    429: "does not say why",
    500: "does not work",
    503: "does not work",
  };
  for (const [status, words] of Object.entries(statuses)) {
    for (const version of ["1.0", "1.1"]) {
      const line = ascii(`HTTP/${version} ${status} Whatever\r\n`);
      opening().receive(line.subarray(0, -1)).expect();
      refused(line, words, `broker-refused ${status}`);
    }
    refused(ascii(`HTTP/1.1 ${status}\r\n`), `HTTP ${status}`, `broker-refused ${status}`);
  }
});

test("what is no HTTP/1.1 status line", () => {
  for (const line of ["HTTP/1.0 101 Switching Protocols", "HTTP/1.0 101"])
    refused(answerWith("HTTP/1.1 101", line), "HTTP/1.0");
  for (const line of [
    "HTTP/2 101",
    "HTTP/1.2 101 X",
    "HTTP/1.1101 X",
    "ICY 101 X",
    "http/1.1 101 X",
    "",
    " HTTP/1.1 101 X",
  ])
    refused(answerWith("HTTP/1.1 101", line), "no HTTP server");
  for (const line of [
    "HTTP/1.1 ",
    "HTTP/1.1 1",
    "HTTP/1.1 10",
    "HTTP/1.1 1O1 X",
    "HTTP/1.1 1011",
    "HTTP/1.1 101X",
    "HTTP/1.1 0:1 X",
    "HTTP/1.1 11/ X",
    "HTTP/1.1 099 X",
  ])
    refused(answerWith("HTTP/1.1 101", line), "without a status");
  refused(answerWith("HTTP/1.1 101", "HTTP/1.1 101 a\u0007"), "control character");
});

test("another protocol is known by its first byte", () => {
  opening().receive("15").expect("failed protocol-error 0", "closed").says("no HTTP server"); // a TLS alert
  opening().receive("20").expect("failed protocol-error 0", "closed"); // CONNACK
  opening().receive("48").expect(); // H
});

test("bare, folded and nameless lines and control characters", () => {
  const from = (text: string) => ascii(`${goodLines[0]}\r\n${text}`);
  refused(from("Upgrade: websocket\n"), "LF alone");
  refused(from("\n"), "LF alone");
  refused(from("A: b\r\n folded\r\n"), "folded");
  refused(from("A: b\r\n\tfolded\r\n"), "folded");
  refused(from("A: b\rUpgrade: websocket\r\n"), "control character");
  refused(from("A: b\u0000\r\n"), "control character");
  refused(from("A: b\u007f\r\n"), "control character");
  refused(from("Upgrade websocket\r\n"), "without a name");
  refused(from(": websocket\r\n"), "without a name");
  refused(from("Upgrade : websocket\r\n"), "cannot have");
  refused(from("Upgrade\u007f: websocket\r\n"), "cannot have");
  refused(from("Up(grade: websocket\r\n"), "cannot have");
  refused(from("(Upgrade: websocket\r\n"), "cannot have");
  refused(from("Upgr\u00e4de: websocket\r\n"), "cannot have");
  refused(ascii(`${goodLines[0]}\n`), "LF alone");
  accepted(answerWith("Upgrade", "Upgrade: websocket", "A!#$%&'*+-.^_`|~9: b\tc \u00e4"));
});

test("an answer has at most 4096 bytes, and each of its lines 1024", () => {
  const line = (length: number) => `X: ${"a".repeat(length - 5)}`;
  const withLine = (length: number) => answerWith("Upgrade", "Upgrade: websocket", line(length));
  opening().receive(withLine(1024)).expect("open");
  opening()
    .receive(withLine(1025))
    .expect("failed protocol-error 0", "closed")
    .says("line of more than 1024");
  const bare = answerOf(...goodLines).length;
  const padded = (length: number) => {
    const rest = length - bare - 3 * 1024;
    return answerWith("Upgrade", "Upgrade: websocket", line(1024), line(1024), line(1024), line(rest));
  };
  equal(padded(4096).length, 4096);
  opening().receive(padded(4096)).expect("open");
  opening().receive(padded(4097)).expect("failed protocol-error 0", "closed").says("more than 4096");
  const script = opening().receive(ascii(`${goodLines[0]}\r\n`));
  let lines = 0;
  while (script.state.at === "opening") {
    script.receive(ascii(`${line(100)}\r\n`));
    lines++;
  }
  equal(lines, 41);
  const endless = opening().receive(ascii(`${goodLines[0]}\r\nX: `));
  let bytes = 3;
  for (; endless.state.at === "opening"; bytes += 16) endless.receive(ascii("a".repeat(16)));
  ok(bytes > 1024 && bytes <= 1024 + 16, `given up after ${bytes} bytes`);
});

test("frames that follow the answer at once are the stream's", () => {
  const answer = answerOf(...goodLines);
  const both = new Uint8Array(answer.length + 6);
  both.set(answer);
  both.set([0x82, 4, 0x20, 2, 0, 0], answer.length);
  opening().receive(both).expect("open", "data 20020000");
});

test("an answer cut short does nothing until the connection closes", () => {
  const answer = answerOf(...goodLines);
  for (let length = 0; length < answer.length; length++) {
    const script = opening().receive(answer.subarray(0, length)).expect();
    script
      .do({ type: "transport-closed" })
      .expect("failed connection-lost 0", "closed")
      .says("before the WebSocket");
  }
});

/** The letters whose case does not matter: of names, of `websocket` and of `Upgrade`. */
function caseless(answer: string, at: number): boolean {
  const end = answer.indexOf("\r\n", at);
  const line = answer.slice(answer.lastIndexOf("\r\n", at) + 2, end);
  const inName = at < answer.lastIndexOf("\r\n", at) + 2 + line.indexOf(":");
  return (
    /[a-z]/i.test(answer[at]!) && (inName || line.startsWith("Upgrade") || line.startsWith("Connection"))
  );
}

test("an answer with any bit flipped opens only when that changes nothing", () => {
  const answer = answerOf(...goodLines);
  const reasonFrom = "HTTP/1.1 101 ".length;
  const reasonTo = goodLines[0]!.length;
  for (let bit = 0; bit < answer.length * 8; bit++) {
    const at = bit >> 3;
    const flipped = answer.slice();
    flipped[at]! ^= 1 << (bit & 7);
    const result = String(opening().receive(flipped).all);
    const same = (bit & 7) === 5 && caseless(text(answer), at);
    const inReason = at >= reasonFrom && at < reasonTo;
    if (same || (inReason && result === "open")) equal(result, "open", `bit ${bit}`);
    else
      ok(
        /^(|failed (protocol-error 0|broker-refused \d\d\d),closed)$/.test(result),
        `bit ${bit} → ${result}`,
      );
  }
});
