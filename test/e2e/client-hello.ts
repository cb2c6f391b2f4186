/** What a device asks for in its first message. */
import assert from "node:assert/strict";

/** IANA's numbers. */
export const extension = {
  sessionTicket: 35,
  preSharedKey: 41,
  earlyData: 42,
  pskKeyExchangeModes: 45,
} as const;

/** The extension types of a ClientHello in one record (RFC 8446 §4.1.2). */
export function extensionsOf(hello: Buffer): number[] {
  assert.deepEqual([hello[0], hello[5]], [22, 1], "a ClientHello");
  let at = 9 + 2 + 32;
  at += 1 + hello[at]!;
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello[at]!;
  const end = at + 2 + hello.readUInt16BE(at);
  const types: number[] = [];
  for (at += 2; at < end; at += 4 + hello.readUInt16BE(at + 2)) types.push(hello.readUInt16BE(at));
  return types;
}
