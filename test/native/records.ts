/**
 * TLS records as a bystander sees them (RFC 8446 §5.1, RFC 5246 §6.2.1): what can be told of a connection by who
 * has no keys. Neither peer's word is needed for it.
 */
import type { Overheard } from "./relay.js";

interface TLSRecord {
  readonly type: number;
  readonly body: Buffer;
}

interface Message {
  readonly type: number;
  readonly body: Buffer;
}

const changeCipherSpec = 20;
const handshake = 22;
const applicationData = 23;
const serverHelloType = 2;
const serverHelloDone = 14;
/** An alert of TLS 1.3: two bytes, the content type, the tag. */
const encryptedAlertBytes = 2 + 1 + 16;

function recordsOf(bytes: Buffer): readonly TLSRecord[] {
  const records: TLSRecord[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const length = bytes.readUInt16BE(at + 3);
    records.push({ type: bytes[at]!, body: bytes.subarray(at + 5, at + 5 + length) });
    at += 5 + length;
  }
  return records;
}

/** The handshake messages that are in the clear. */
function messagesOf(bytes: Buffer): readonly Message[] {
  const records = recordsOf(bytes);
  const end = records.findIndex(({ type }) => type === changeCipherSpec || type === applicationData);
  const clear = end < 0 ? records : records.slice(0, end);
  const all = Buffer.concat(clear.filter(({ type }) => type === handshake).map(({ body }) => body));
  const messages: Message[] = [];
  for (let at = 0; at + 4 <= all.length; ) {
    const length = all.readUIntBE(at + 1, 3);
    messages.push({ type: all[at]!, body: all.subarray(at + 4, at + 4 + length) });
    at += 4 + length;
  }
  return messages;
}

interface Hello {
  readonly version: "1.2" | "1.3";
  readonly random: Buffer;
  readonly sessionId: Buffer;
  readonly extensions: ReadonlyMap<number, Buffer>;
}

const supportedVersions = 43;
const preSharedKey = 41;
const sessionTicket = 35;

function extensionsAt(body: Buffer, start: number): ReadonlyMap<number, Buffer> {
  const extensions = new Map<number, Buffer>();
  for (let at = start + 2; at + 4 <= body.length; ) {
    const length = body.readUInt16BE(at + 2);
    extensions.set(body.readUInt16BE(at), body.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return extensions;
}

/** RFC 8446 §4.1.2 and §4.1.3, without suites and compression. */
function hello(body: Buffer, from: "client" | "server"): Hello {
  const afterId = 35 + body[34]!;
  const suites = from === "server" ? 2 : 2 + body.readUInt16BE(afterId);
  const compressions = from === "server" ? 1 : 1 + body[afterId + suites]!;
  const extensions = extensionsAt(body, afterId + suites + compressions);
  return {
    version: extensions.has(supportedVersions) ? "1.3" : "1.2",
    random: body.subarray(2, 34),
    sessionId: body.subarray(35, afterId),
    extensions,
  };
}

/** Of a record that begins with one. */
export function clientHello(record: Buffer): Hello {
  return hello(messagesOf(record)[0]!.body, "client");
}

/** The last one, after a HelloRetryRequest. */
export function serverHello({ fromServer }: Overheard): Hello | undefined {
  const hellos = messagesOf(fromServer).filter(({ type }) => type === serverHelloType);
  const last = hellos.at(-1);
  return last && hello(last.body, "server");
}

/** Whether the client asks for an earlier session: a PSK, or a ticket or session id of TLS 1.2 (RFC 5077 §3.2). */
export function clientOffered({ fromClient }: Overheard): boolean {
  const first = messagesOf(fromClient)[0];
  if (first === undefined) return false;
  const { version, sessionId, extensions } = hello(first.body, "client");
  if (extensions.has(preSharedKey) || (extensions.get(sessionTicket)?.length ?? 0) > 0) return true;
  return version === "1.2" && sessionId.length > 0;
}

/**
 * Whether the server says so on the wire: TLS 1.3 by taking a PSK of the client's (RFC 8446 §4.2.11), an external
 * one too; TLS 1.2 by leaving out its part of a full handshake (RFC 5246 §7.3).
 */
export function serverResumed(overheard: Overheard): boolean {
  const answer = serverHello(overheard);
  if (answer?.version === "1.3") return answer.extensions.has(preSharedKey);
  const messages = messagesOf(overheard.fromServer);
  return answer !== undefined && !messages.some(({ type }) => type === serverHelloDone);
}

/** Whether the client went on after the server's first flight with more than an alert. */
export function clientWentOn({ fromClient }: Overheard): boolean {
  const records = recordsOf(fromClient);
  return (
    records.filter(({ type }) => type === handshake).length > 1 ||
    records.some(({ type, body }) => type === applicationData && body.length !== encryptedAlertBytes)
  );
}

/** How many records of application data the client sent in TLS 1.2, where they are marked as such. */
export function applicationRecords({ fromClient }: Overheard): number {
  return recordsOf(fromClient).filter(({ type }) => type === applicationData).length;
}

/** A ClientHello, in one record, that says nothing of TLS 1.3: as an attacker would have the server see it. */
export function withoutVersions(record: Buffer): Buffer {
  const body = record.subarray(9);
  const afterId = 35 + body[34]!;
  const afterSuites = afterId + 2 + body.readUInt16BE(afterId);
  const start = afterSuites + 1 + body[afterSuites]!;
  const kept: Buffer[] = [];
  for (let at = start + 2; at + 4 <= body.length; ) {
    const end = at + 4 + body.readUInt16BE(at + 2);
    if (body.readUInt16BE(at) !== supportedVersions) kept.push(body.subarray(at, end));
    at = end;
  }
  const extensions = Buffer.concat(kept);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(extensions.length);
  const changed = Buffer.concat([record.subarray(0, 9), body.subarray(0, start), length, extensions]);
  changed.writeUInt16BE(changed.length - 5, 3);
  changed.writeUIntBE(changed.length - 9, 6, 3);
  return changed;
}
