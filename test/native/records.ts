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

interface ServerHello {
  readonly version: "1.2" | "1.3";
  readonly random: Buffer;
  readonly extensions: ReadonlyMap<number, Buffer>;
}

/** RFC 8446 §4.1.3; the last one, after a HelloRetryRequest. */
export function serverHello({ fromServer }: Overheard): ServerHello | undefined {
  const body = messagesOf(fromServer)
    .filter(({ type }) => type === serverHelloType)
    .at(-1)?.body;
  if (!body) return undefined;
  const extensions = new Map<number, Buffer>();
  const start = 2 + 32 + 1 + body[34]! + 2 + 1;
  for (let at = start + 2; at + 4 <= body.length; ) {
    const length = body.readUInt16BE(at + 2);
    extensions.set(body.readUInt16BE(at), body.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return { version: extensions.has(43) ? "1.3" : "1.2", random: body.subarray(2, 34), extensions };
}

/**
 * Whether the server says so on the wire: TLS 1.3 by taking a PSK of the client's (RFC 8446 §4.2.11), an external
 * one too; TLS 1.2 by leaving out its part of a full handshake (RFC 5246 §7.3).
 */
export function serverResumed(overheard: Overheard): boolean {
  const hello = serverHello(overheard);
  if (hello?.version === "1.3") return hello.extensions.has(41);
  const messages = messagesOf(overheard.fromServer);
  return hello !== undefined && !messages.some(({ type }) => type === serverHelloDone);
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
