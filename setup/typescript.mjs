/** Compiles the TypeScript of device and host into build/js; tsc itself knows what is up to date. */
import { spawnSync } from "node:child_process";
import { root, SetupError } from "./steps.mjs";

export async function typescript() {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [`${root}node_modules/typescript/bin/tsc`, "-b", "--pretty", "false"],
    { cwd: root, encoding: "utf8" },
  );
  if (status === 0) return;
  process.stderr.write(`${stdout}${stderr}`);
  throw new SetupError("TypeScript does not compile");
}
