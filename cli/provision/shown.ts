/** How what is known of boards and keys is shown: public things only. */

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** `7c:df:a1:00:11:22`, of 12 hex digits. */
export function macText(digits: string): string | undefined {
  return digits === "" ? undefined : (digits.match(/../g) ?? []).join(":");
}

/** Name and value, in two columns; what has no value has no line. */
export function fieldLines(
  fields: readonly (readonly [name: string, value: string | undefined])[],
): string[] {
  const there = fields.filter(([, value]) => value !== undefined);
  const width = Math.max(...there.map(([name]) => name.length));
  return there.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}
