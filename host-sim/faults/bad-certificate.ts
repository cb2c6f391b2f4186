/** Certificates that a device must not take for its broker's: of another CA, of another name, or expired. */
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "../../certs/pki/authority.js";
import { developmentPki, embeddedBrokerName } from "../../certs/pki/development.js";
import { altName } from "../../certs/pki/names.js";
import { build } from "../paths.js";
import type { CertificateWrong } from "./catalogue.js";

export interface ServerCertificate {
  readonly chainPem: string;
  readonly keyPem: string;
}

const others: Record<
  Exclude<CertificateWrong, "issuer">,
  { readonly name: string; readonly until: string }
> = {
  name: { name: "other.dormouse.test", until: "2044-12-31" },
  expired: { name: embeddedBrokerName, until: "2025-06-30" },
};

export async function badCertificate(wrong: CertificateWrong): Promise<ServerCertificate> {
  if (wrong === "issuer") {
    const other = await developmentPki(join(build, "development-pki-other"));
    return { chainPem: other.serverChainPem, keyPem: other.serverKeyPem };
  }
  const { name, until } = others[wrong];
  const folder = await mkdtemp(join(tmpdir(), "dormouse-bad-certificate-"));
  try {
    await cp(join(build, "development-pki"), folder, { recursive: true });
    const { chain, key } = await createServer(folder, {
      names: [altName(name)],
      validity: { notBefore: new Date("2025-01-01"), notAfter: new Date(until) },
      replace: true,
    });
    return { chainPem: await readFile(chain, "utf8"), keyPem: await readFile(key, "utf8") };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
