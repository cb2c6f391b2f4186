const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/**
 * Whether `name` is one of SenML (RFC 8428 §4.5.1). Without a regular expression: XS matches those on its stack,
 * of which a device has little.
 */
export function isName(name: string): boolean {
  for (let i = 0; i < name.length; i++)
    if (!alphanumeric.includes(name[i]!) && (i === 0 || !"-:./_".includes(name[i]!))) return false;
  return name !== "";
}
