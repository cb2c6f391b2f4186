/** `dormouse pin`: the pins of a broker, of certificates in a file, or of a key kept in reserve. */
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { fileProblem, OperatorError, UsageError } from "../report.js";
import { duration, whole } from "../values.js";
import { type Pinned, pinnedCertificate, pinnedCertificates, pinnedKey } from "./pinned.js";
import { certificatesOf } from "./server.js";

interface PinFlags {
  readonly cert?: string;
  readonly key?: string;
  readonly timeout?: string;
  readonly json?: boolean;
}

const fromNetwork = `
What a network gave is as trustworthy as that network: someone between may have answered. Compare these pins with
what the broker's operator reads from the file itself: dormouse pin --cert FILE`;

const spareKey = `
A profile takes at least two pins: one in use, one of a spare key kept offline for the day the first is lost.
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out spare.key
  dormouse pin --key spare.key`;

function address(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/@[\]]+)):(\d+)$/.exec(text);
  if (!match) throw new UsageError(`"${text}": write HOST:PORT, e.g. broker.example.org:8883`);
  return { host: (match[1] ?? match[2])!, port: whole("the port of HOST:PORT", match[3]!, 1, 65_535) };
}

async function fromFile<T>(path: string, read: (file: Buffer) => T): Promise<T> {
  const file = await readFile(path).catch((error: unknown) => {
    throw new UsageError(fileProblem(path, error));
  });
  try {
    return read(file);
  } catch (error) {
    if (error instanceof RangeError) throw new OperatorError(`${path} ${error.message}`);
    throw error;
  }
}

interface Found {
  readonly source: string;
  readonly overNetwork: boolean;
  readonly pins: readonly Pinned[];
}

async function find(server: string | undefined, flags: PinFlags): Promise<Found> {
  const given = [server, flags.cert, flags.key].filter((source) => source !== undefined);
  const [source] = given;
  if (source === undefined || given.length > 1)
    throw new UsageError("give one of HOST:PORT, --cert FILE and --key FILE (see: dormouse pin --help)");
  if (flags.cert !== undefined)
    return { source, overNetwork: false, pins: await fromFile(source, pinnedCertificates) };
  if (flags.key !== undefined)
    return { source, overNetwork: false, pins: [await fromFile(source, pinnedKey)] };
  const { host, port } = address(source);
  const timeoutMs = duration("--timeout", flags.timeout ?? "10s", 100, 600_000);
  const certificates = await certificatesOf(host, port, timeoutMs);
  return { source, overNetwork: true, pins: certificates.map(pinnedCertificate) };
}

function lines({ pin, key, certificate }: Pinned): string[] {
  if (!certificate) return [key, pin];
  const { subject, names, notBefore, notAfter } = certificate;
  const day = (time: string) => time.slice(0, 10);
  return [subject || names || "(no name)", `valid from ${day(notBefore)} to ${day(notAfter)}, ${key}`, pin];
}

function show({ overNetwork, pins }: Found): void {
  for (const pinned of pins) console.log(`${lines(pinned).join("\n  ")}`);
  if (overNetwork) console.log(fromNetwork);
  console.log(spareKey);
}

export function addPinCommand(parent: Command): void {
  parent
    .command("pin")
    .description("Show the pins of a broker's certificates, of certificates in a file, or of a key.")
    .argument("[HOST:PORT]", "a broker: its certificates, in the order in which it sends them")
    .option("--cert <FILE>", "certificates in PEM, or one in DER")
    .option("--key <FILE>", "a private or public key, for the pin of one kept in reserve")
    .option("--timeout <DURATION>", "how long the broker may take (10s)")
    .option("--json", "the pins as one JSON object")
    .addHelpText("after", "\nExample:\n  $ dormouse pin broker.example.org:8883")
    .addHelpText("after", `${fromNetwork}\n${spareKey}`)
    .action(async (server: string | undefined, flags: PinFlags) => {
      const found = await find(server, flags);
      if (flags.json) console.log(JSON.stringify(found));
      else show(found);
    });
}
