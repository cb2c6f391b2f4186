/** Runs a set-up program and turns its errors into one line and an exit code. */
import { SetupError } from "./steps.mjs";

/** @param {() => Promise<number>} program gives the exit code */
export async function main(program) {
  try {
    process.exitCode = await program();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const trace = !(error instanceof SetupError) && process.env.DEBUG && error instanceof Error;
    process.stderr.write(`${trace ? error.stack : text}\n`);
    process.exitCode = 1;
  }
}
