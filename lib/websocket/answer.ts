/**
 * The server's answer to the opening handshake (RFC 6455 §4.1), read line by line as it arrives: of an HTTP answer
 * only one line is ever held. It is taken strictly, because what is misread here would be read as frames there: no
 * bare line ends, no folded lines (RFC 9112 §5.2), nothing twice that must be said once.
 */
import { type Failure, failure } from "../failure.js";

/** With everything that proxies add an answer has a few hundred bytes. */
export const maxAnswerBytes = 4096;
/** Of which one line is held at a time. */
export const maxLineBytes = 1024;

export interface Answer {
  /** How many bytes there were so far. */
  readonly total: number;
  /** Of the line that has not ended yet. */
  readonly line: Uint8Array | undefined;
  /** What was found so far. */
  readonly status: boolean;
  readonly upgrade: boolean;
  readonly connection: boolean;
  readonly accept: boolean;
  readonly protocol: boolean;
}

export interface AnswerRead {
  readonly answer: Answer;
  /** How many of the bytes were the answer's; when `complete`, the rest are frames. */
  readonly used: number;
  readonly complete: boolean;
  readonly failure?: Failure;
}

export const nothingYet: Answer = {
  total: 0,
  line: undefined,
  status: false,
  upgrade: false,
  connection: false,
  accept: false,
  protocol: false,
};

const cr = 0x0d;
const lf = 0x0a;
const space = 0x20;
const tab = 0x09;
const version = "HTTP/1.";

/** @param accept what Sec-WebSocket-Accept must be */
export function readAnswer(from: Answer, bytes: Uint8Array, accept: string): AnswerRead {
  let answer = from;
  let used = 0;
  for (;;) {
    const end = bytes.indexOf(lf, used);
    const part = bytes.subarray(used, end < 0 ? bytes.length : end + 1);
    used += part.length;
    answer = { ...answer, total: answer.total + part.length };
    if (answer.total > maxAnswerBytes)
      return refused(answer, used, `an answer to the WebSocket request of more than ${maxAnswerBytes} bytes`);
    if ((answer.line?.length ?? 0) + part.length > maxLineBytes)
      return refused(answer, used, `an HTTP line of more than ${maxLineBytes} bytes`);
    const line = answer.line ? joined(answer.line, part) : part;
    if (!answer.status && !isHttp(line)) return refused(answer, used, "what answers is no HTTP server");
    // The line is kept beyond this step, the bytes are not.
    if (end < 0) return { answer: { ...answer, line: line.slice() }, used, complete: false };
    if (line.length < 2 || line[line.length - 2] !== cr)
      return refused(answer, used, "an HTTP line that ends in LF alone");
    if (line.length === 2) return lastLine(answer, used);
    const next = takeLine({ ...answer, line: undefined }, line.subarray(0, -2), accept);
    if (typeof next === "string") return refused(answer, used, next);
    if ("kind" in next) return { answer, used, complete: false, failure: next };
    answer = next;
  }
}

function refused(answer: Answer, used: number, detail: string): AnswerRead {
  return { answer, used, complete: false, failure: failure("protocol-error", detail) };
}

function lastLine(answer: Answer, used: number): AnswerRead {
  const missing = missingField(answer);
  if (missing !== undefined) return refused(answer, used, missing);
  return { answer, used, complete: true };
}

function missingField({ upgrade, connection, accept, protocol }: Answer): string | undefined {
  if (!upgrade) return "the answer has no Upgrade: websocket";
  if (!connection) return "the answer has no Connection: Upgrade";
  if (!accept) return "the answer has no Sec-WebSocket-Accept";
  // [MQTT-6.0.0-4]
  if (!protocol) return "the server did not choose the subprotocol mqtt: it has no MQTT at this path";
  return undefined;
}

/** A line without its end. A text says what is wrong with it. */
function takeLine(answer: Answer, line: Uint8Array, accept: string): Answer | Failure | string {
  if (!answer.status) return statusLine(answer, line);
  if (line[0] === space || line[0] === tab) return "a folded HTTP line";
  const colon = line.indexOf(0x3a);
  if (colon < 1) return "an HTTP line without a name";
  for (let i = 0; i < colon; i++)
    if (!isToken(line[i]!)) return "an HTTP field name with a character it cannot have";
  let start = colon + 1;
  let end = line.length;
  while (start < end && isBlank(line[start]!)) start++;
  while (end > start && isBlank(line[end - 1]!)) end--;
  for (let i = start; i < end; i++) if (isControl(line[i]!)) return "an HTTP field with a control character";
  return takeField(answer, line.subarray(0, colon), line.subarray(start, end), accept);
}

function takeField(answer: Answer, name: Uint8Array, value: Uint8Array, accept: string): Answer | string {
  if (isWord(name, "upgrade")) {
    if (answer.upgrade) return "Upgrade is there twice";
    return isWord(value, "websocket") ? { ...answer, upgrade: true } : "Upgrade is not websocket";
  }
  // A list that may be spread over several lines (RFC 9110 §5.3).
  if (isWord(name, "connection"))
    return { ...answer, connection: answer.connection || hasWord(value, "upgrade") };
  if (isWord(name, "sec-websocket-accept")) {
    if (answer.accept) return "Sec-WebSocket-Accept is there twice";
    return isText(value, accept)
      ? { ...answer, accept: true }
      : "Sec-WebSocket-Accept does not belong to this request";
  }
  if (isWord(name, "sec-websocket-protocol")) {
    if (answer.protocol) return "Sec-WebSocket-Protocol is there twice";
    return isText(value, "mqtt") ? { ...answer, protocol: true } : "Sec-WebSocket-Protocol is not mqtt";
  }
  if (isWord(name, "sec-websocket-extensions")) return "the server chose an extension, and none was offered";
  return answer;
}

/** `HTTP/1.1 101 …`; any other status is a refusal in order. */
function statusLine(answer: Answer, line: Uint8Array): Answer | Failure | string {
  let status = 0;
  for (let i = 9; i < 12; i++) {
    const digit = (line[i] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return "an HTTP status line without a status";
    status = status * 10 + digit;
  }
  if (status < 100 || (line.length > 12 && line[12] !== space)) return "an HTTP status line without a status";
  for (let i = 12; i < line.length; i++)
    if (isControl(line[i]!)) return "an HTTP status line with a control character";
  if (status !== 101) return failure("broker-refused", refusal(status), status);
  if (line[version.length] !== 0x31) return "HTTP/1.0 has no WebSocket";
  return { ...answer, status: true };
}

function refusal(status: number): string {
  return `the server refused the WebSocket: HTTP ${status}, ${meaning(status)}`;
}

function meaning(status: number): string {
  if (status >= 300 && status < 400) return "it redirects elsewhere, which is not followed";
  if (status === 401 || status === 403) return "it demands or denies authorization";
  if (status === 404 || status === 410) return "there is nothing at this path";
  if (status === 400 || status === 426 || (status >= 200 && status < 300))
    return "it takes no WebSocket at this path";
  return status >= 500 ? "it, or what stands behind it, does not work" : "it does not say why";
}

/** As far as it has come: the start of `HTTP/1.0 ` or `HTTP/1.1 `. */
function isHttp(line: Uint8Array): boolean {
  for (let i = 0; i < line.length && i < 9; i++) {
    const byte = line[i]!;
    if (
      i < version.length
        ? byte !== version.charCodeAt(i)
        : i === 8
          ? byte !== space
          : byte !== 0x30 && byte !== 0x31
    )
      return false;
  }
  return true;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

function isBlank(byte: number): boolean {
  return byte === space || byte === tab;
}

function isControl(byte: number): boolean {
  return (byte < space && byte !== tab) || byte === 0x7f;
}

/** RFC 9110 §5.6.2. */
function isToken(byte: number): boolean {
  if (byte <= space || byte >= 0x7f) return false;
  return !'"(),/:;<=>?@[\\]{}'.includes(String.fromCharCode(byte));
}

function isText(bytes: Uint8Array, text: string): boolean {
  if (bytes.length !== text.length) return false;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== text.charCodeAt(i)) return false;
  return true;
}

/** Whether bytes are `word`, which is in lower case, in any case. */
function isWord(bytes: Uint8Array, word: string): boolean {
  if (bytes.length !== word.length) return false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    if (lower !== word.charCodeAt(i)) return false;
  }
  return true;
}

/** Whether a list with commas has it. */
function hasWord(list: Uint8Array, word: string): boolean {
  for (let start = 0; start <= list.length; ) {
    const comma = list.indexOf(0x2c, start);
    let end = comma < 0 ? list.length : comma;
    const next = end + 1;
    while (start < end && isBlank(list[start]!)) start++;
    while (end > start && isBlank(list[end - 1]!)) end--;
    if (isWord(list.subarray(start, end), word)) return true;
    start = next;
  }
  return false;
}
