/**
 * A folder with an authority, profiles and a fleet, and the command run in it: in this process, or in one of its own where
 * standard input or a signal is to reach it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAuthority } from "../../../certs/pki/authority.js";
import { lifetimeDays, validFor } from "../../../certs/pki/validity.js";
import { run } from "../../../cli/program.js";
import { build } from "../../../host-sim/paths.js";
import type { Ran } from "../command.js";

export interface Started {
  readonly child: ChildProcess;
  readonly ran: Promise<Ran>;
}

export class Scene {
  readonly folder = mkdtempSync(join(tmpdir(), "dormouse-provision-"));

  at(name: string): string {
    return join(this.folder, name);
  }

  async authority(): Promise<void> {
    const validity = validFor(lifetimeDays.root, Date.now());
    await createAuthority(this.at("pki"), {
      name: "Test",
      root: validity,
      issuing: validFor(lifetimeDays.issuing, Date.now()),
      replace: false,
    });
  }

  /** A broker by TLS, whose CA is the authority's root, and what `more` puts over it. */
  profile(name: string, more: object = {}): string {
    const path = this.at(name);
    const profile = {
      schema: 1,
      device: { id: "dm-1" },
      wifi: { ssid: "burrow" },
      broker: { host: "broker.example.org", tls: { ca: "file:pki/ca/root.pem" } },
      ...more,
    };
    writeFileSync(path, JSON.stringify(profile), { mode: 0o600 });
    return path;
  }

  start(words: readonly string[], stdin = ""): Started {
    const child = spawn(process.execPath, [join(build, "js/cli/main.js"), ...words], {
      cwd: this.folder,
      env: { ...process.env, DEBUG: "" },
      stdio: ["pipe", "pipe", "pipe"],
      timeout: 60_000,
    });
    child.stdin!.end(stdin);
    const text = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const)
      child[name]!.setEncoding("utf8").on("data", (more: string) => {
        text[name] += more;
      });
    const ran = new Promise<Ran>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, ...text }));
    });
    return { child, ran };
  }

  /** One at a time: what it prints is taken from the console. */
  async run(words: readonly string[], said: (text: string) => void = () => {}): Promise<Ran> {
    const text = { stdout: "", stderr: "" };
    const { log, error } = console;
    const home = process.cwd();
    process.chdir(this.folder);
    console.log = (line: string) => {
      text.stdout += `${line}\n`;
    };
    console.error = (line: string) => {
      text.stderr += `${line}\n`;
      said(line);
    };
    try {
      return { code: await run(words), ...text };
    } finally {
      Object.assign(console, { log, error });
      process.chdir(home);
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
