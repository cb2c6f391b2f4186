/** What the page must be given beside a profile: for each of its references a field, or a file. */
import { type AtProvisioning, prompted } from "../../cli/profile/at-provisioning.js";
import type { References } from "../../cli/profile/references.js";
import type { Profile } from "../../lib/store/profile.js";

export type NeedName = keyof References | "issuingCertificate" | "issuingKey";

export interface Need {
  readonly name: NeedName;
  readonly label: string;
  /** Where the profile has it, or what it must be. */
  readonly hint: string;
  /** `text`: typed in, and not shown. */
  readonly kind: "text" | "file";
}

const labels: { readonly [name in NeedName]: string } = {
  wifiPassword: "Password of the Wi-Fi",
  brokerPassword: "Password for the broker",
  jwtKey: "Key for tokens",
  ca: "Root certificate that the broker is known by",
  crl: "Revocation list",
  certificate: "The device's certificate",
  key: "Its private key",
  psk: "Pre-shared key, in hex",
  signKey: "Private key that messages are signed with",
  recipient: "Public key of the recipient",
  operator: "Public key of the operator",
  issuingCertificate: "Certificate of the issuing CA",
  issuingKey: "Private key of the issuing CA",
};

/** In the order in which the page asks. */
const order = Object.keys(labels) as NeedName[];

/** What a person may type; else it is a file, and files are read as they are. */
const typed: readonly NeedName[] = ["wifiPassword", "brokerPassword", "psk"];

/** For a profile without mistakes. */
export function needsOf(profile: Profile, references: References, { made }: AtProvisioning): Need[] {
  const hints = new Map<NeedName, string>(
    Object.entries(references).map(([name, reference]) => [name as NeedName, hintOf(reference)]),
  );
  if (made.includes("tls-key")) {
    hints.set("issuingCertificate", "ca/issuing.pem of dormouse certs");
    hints.set("issuingKey", "ca/issuing.key.pem; it is used here, and goes nowhere");
  }
  return order
    .filter((name) => hints.has(name))
    .map((name) => ({
      name,
      label: labels[name],
      hint: hints.get(name)!,
      kind: isTyped(name, profile) && !hints.get(name)!.startsWith("file ") ? "text" : "file",
    }));
}

function isTyped(name: NeedName, { broker }: Profile): boolean {
  return typed.includes(name) || (name === "jwtKey" && broker.jwt?.algorithm === "HS256");
}

function hintOf(reference: string): string {
  if (reference === prompted) return "";
  const target = reference.slice(reference.indexOf(":") + 1);
  return reference.startsWith("env:")
    ? `the profile takes it from the environment, ${target}`
    : `file ${target}`;
}
