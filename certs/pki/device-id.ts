/** A device is named by its id, which also names a folder, a topic level and a Mosquitto user: its alphabet is narrow. */

/** Letters, digits, dot, underscore, hyphen; 1 to 64 characters (X.520 ub-common-name), no dot first. */
const deviceIdPattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/;

/** @throws {RangeError} when `id` cannot be a device id */
export function checkDeviceId(id: string): string {
  if (!deviceIdPattern.test(id))
    throw new RangeError(`"${id}" is no device id: use 1 to 64 letters, digits, ".", "_" or "-"`);
  return id;
}
