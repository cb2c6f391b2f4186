/** Points and keys that the P-256 tests share; all in hex. */

/** PKCS #8 of a private number, as short as it can be. */
export function pkcs8Of(number: string): string {
  return `3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420${number}`;
}

/** The curve's order and its field's prime (SEC 2 §2.4.2). */
export const order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
export const prime = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";

/** The curve's generator. */
export const baseX = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
export const baseY = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

/** On the curve, with an x so small that x + prime has 32 bytes too. */
const smallX = "0000000000000000000000000000000000000000000000000000000000000005";
const smallXAndPrime = "ffffffff00000001000000000000000000000001000000000000000000000004";
const smallY = "459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc";

export const points: readonly string[] = [`04${baseX}${baseY}`, `04${smallX}${smallY}`];

/** What is said of a wrong point: its form is looked at before the curve is. */
export function refusalOf(point: string): RegExp {
  const hasForm = point.length === 130 && point.startsWith("04");
  return hasForm ? /^not a point of P-256$/ : /^not an uncompressed P-256 point$/;
}

/** [what is wrong, the point]; each a step from one that is right */
export const wrongPoints: readonly (readonly [string, string])[] = [
  ["no bytes", ""],
  ["infinity in its short form", "00"],
  ["infinity in 65 bytes", "00".repeat(65)],
  ["0, 0", `04${"00".repeat(64)}`],
  ["compressed, even", `02${baseX}`],
  ["compressed, odd", `03${baseX}`],
  ["hybrid, odd", `07${baseX}${baseY}`],
  ["hybrid, even", `06${baseX}${baseY}`],
  ["compressed in 65 bytes", `03${baseX}${baseY}`],
  ["another first byte", `05${baseX}${baseY}`],
  ["no first byte", `${baseX}${baseY}`],
  ["a byte less", `04${baseX}${baseY}`.slice(0, -2)],
  ["a byte more", `04${baseX}${baseY}00`],
  ["off the curve by one bit of y", `04${baseX}${baseY.replace(/5$/, "4")}`],
  ["off the curve by one bit of x", `04${baseX.replace(/6$/, "7")}${baseY}`],
  ["x and y the wrong way round", `04${baseY}${baseX}`],
  ["x beyond the prime", `04${smallXAndPrime}${smallY}`],
  ["x as large as can be", `04${"ff".repeat(32)}${baseY}`],
  ["y beyond the prime", `04${baseX}${"ff".repeat(32)}`],
  ["the prime itself", `04${prime}${"66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4"}`],
];
