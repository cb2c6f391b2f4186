/** Wireshark's dissectors on the command line: who judges captures, with nobody's settings. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../host-sim/paths.js";

const env = { ...process.env, WIRESHARK_CONFIG_DIR: join(root, "no-such-settings") };

/**
 * @param fields the columns; the rows are the packets that `filter` takes
 * @throws {Error} also for a file that ends within a packet
 */
export async function tshark(
  capture: string,
  fields: readonly string[],
  filter = "",
  options: readonly string[] = [],
): Promise<string[][]> {
  const columns = fields.flatMap((field) => ["-e", field]);
  const args = ["-n", "-r", capture, ...options, "-Y", filter, "-T", "fields", ...columns];
  const { stdout } = await promisify(execFile)("tshark", args, { env, maxBuffer: 1e8 });
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => line.split("\t"));
}

/** Packets that Wireshark finds anything wrong with, one line each. A reset is none, though it warns of each. */
export async function faults(capture: string, options: readonly string[] = []): Promise<string[]> {
  const checked = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", ...options];
  const sound = "ip.checksum.status == 1 and tcp.checksum.status == 1";
  const warned = "_ws.expert.severity >= 6291456 and not tcp.connection.rst";
  const filter = `not (${sound}) or _ws.malformed or tcp.analysis.flags or (${warned})`;
  const rows = await tshark(capture, ["frame.number", "_ws.col.Info", "_ws.expert.message"], filter, checked);
  return rows.map((row) => row.join(" "));
}

/** Both ends' bytes of a TCP stream, in hexadecimal, in the order of their sequence numbers. */
export async function payload(capture: string, filter: string): Promise<string> {
  return (await tshark(capture, ["tcp.payload"], `${filter} and tcp.len > 0`)).join("");
}
