/**
 * What every set-up step shares: where things lie, how a step tells its progress, how it runs a tool.
 * Plain JavaScript, because it runs before anything is installed or compiled.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
export const build = `${root}build`;

/** Something the user must do first; the message is one line that says what. */
export class SetupError extends Error {}

/** @param {string} text one line on standard error */
export function progress(text) {
  process.stderr.write(`${process.stderr.isTTY && !process.env.NO_COLOR ? `\x1b[2m${text}\x1b[0m` : text}\n`);
}

/**
 * Runs a tool and gives its standard output.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, inherit?: boolean }} [options]
 * @returns {Promise<string>}
 */
export function run(command, args, { cwd = root, env = process.env, inherit = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", inherit ? "inherit" : "pipe", "pipe"] });
    let output = "";
    let errors = "";
    child.stdout?.on("data", (data) => {
      output += data;
    });
    child.stderr.on("data", (data) => {
      errors += data;
    });
    child.on("error", (error) => {
      const missing = /** @type {NodeJS.ErrnoException} */ (error).code === "ENOENT";
      reject(missing ? new SetupError(`${command} is missing: install it and try again`) : error);
    });
    child.on("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new SetupError(`${command} ${args[0] ?? ""} failed (${code}): ${tail(errors || output)}`));
    });
  });
}

/** @param {string} text */
function tail(text) {
  return text.trim().split("\n").slice(-20).join("\n");
}
