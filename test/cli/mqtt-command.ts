/** The clients under test and their judges, each in a process of its own: `dormouse pub` and `sub`, mosquitto_pub and mosquitto_sub. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import { mock } from "node:test";
import { run } from "../../cli/program.js";
import { build } from "../../host-sim/paths.js";
import { env } from "../e2e/mqtt-mosquitto.js";

export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Bytes as they came, one character each. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly process: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ran>;
  /** Waits until standard error has this so many times; fails when the process ends without it. */
  says(text: string, times?: number): Promise<void>;
}

export interface Setting {
  readonly input?: string | Uint8Array;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Ended after 40 s at the latest. */
function start(command: string, words: readonly string[], setting: Setting): Running {
  const child = spawn(command, words, {
    cwd: setting.cwd,
    env: { ...env, DEBUG: "", ...setting.env },
    timeout: 40_000,
  });
  let stdout = "";
  let stderr = "";
  let over = false;
  let heard = () => {};
  child.stdout.setEncoding("latin1").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    heard();
  });
  child.stdin.on("error", () => {});
  if (setting.input !== undefined) child.stdin.end(setting.input);
  const ended = new Promise<Ran>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      over = true;
      heard();
      resolve({ code, signal, stdout, stderr });
    });
  });
  const says = async (text: string, times = 1) => {
    while (stderr.split(text).length <= times) {
      if (over) throw new Error(`ended without "${text}": ${stderr}`);
      await new Promise<void>((resolve) => {
        heard = resolve;
      });
    }
  };
  return { process: child, ended, says };
}

export function startDormouse(words: readonly string[], setting: Setting = {}): Running {
  return start(process.execPath, [join(build, "js/cli/main.js"), ...words], setting);
}

export function dormouse(words: readonly string[], setting: Setting = {}): Promise<Ran> {
  return startDormouse(words, { input: "", ...setting }).ended;
}

/** In this process, for what ends before anything is connected to. */
export async function quickly(
  words: readonly string[],
): Promise<{ readonly code: number; readonly stderr: string }> {
  const lines: string[] = [];
  const printed = mock.method(console, "error", (line: string) => lines.push(`${line}\n`));
  try {
    return { code: await run(words), stderr: lines.join("") };
  } finally {
    printed.mock.restore();
  }
}

export function mosquittoClient(
  kind: "pub" | "sub",
  words: readonly string[],
  setting: Setting = {},
): Running {
  return start(`mosquitto_${kind}`, words, { input: "", ...setting });
}
