/** TLS servers of other makers on loopback, for one test each: started on a free port, ended by their own pid. */
import { type ChildProcess, spawn } from "node:child_process";
import { connect, createServer } from "node:net";
import type { Certificate } from "./pki.js";

export interface Server {
  readonly port: number;
  stop(): Promise<void>;
}

export type ServerMaker = (certificate: Certificate, version: "1.1" | "1.2" | "1.3") => Promise<Server>;

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
      .on("connect", () => {
        socket.destroy();
        resolve(true);
      })
      .on("error", () => resolve(false));
  });
}

async function start(command: string, args: readonly string[], port: number, cwd?: string): Promise<Server> {
  // stdin stays open: both servers end, or close the connection, when it does
  const child: ChildProcess = spawn(command, args, { cwd, stdio: ["pipe", "ignore", "pipe"] });
  let errors = "";
  let ended: string | undefined;
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-2000);
  });
  const exited = new Promise<void>((resolve) => {
    child.on("error", ({ message }) => {
      ended = message;
      resolve();
    });
    child.on("close", (code) => {
      ended ??= `exit ${code}: ${errors}`;
      resolve();
    });
  });
  for (let tries = 0; tries < 200 && ended === undefined; tries++) {
    if (await accepts(port))
      return {
        port,
        async stop() {
          child.kill("SIGKILL");
          await exited;
        },
      };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill("SIGKILL");
  throw new Error(`${command} does not serve (${ended ?? "no connection"})`);
}

/**
 * `-rev` sends each line back reversed.
 * @param more further options of s_server, e.g. `-WWW` to serve files of `cwd`
 */
export async function opensslServer(
  { certificate, key }: Certificate,
  version: "1.1" | "1.2" | "1.3",
  more: readonly string[] = ["-rev"],
  cwd?: string,
): Promise<Server> {
  const port = await freePort();
  const flag = `-tls${version.replace(".", "_")}`;
  const args = [
    "s_server",
    "-accept",
    `127.0.0.1:${port}`,
    "-cert",
    certificate,
    "-key",
    key,
    flag,
    "-quiet",
  ];
  return start("openssl", [...args, ...more], port, cwd);
}

/** `--echo` sends everything back. gnutls-serv knows no address to bind to; it is ended with its test. */
export async function gnutlsServer(
  { certificate, key }: Certificate,
  version: "1.1" | "1.2" | "1.3",
  priority = "",
): Promise<Server> {
  const port = await freePort();
  const versions = `NORMAL:-VERS-ALL:+VERS-TLS${version}${priority}`;
  const files = ["--x509certfile", certificate, "--x509keyfile", key];
  return start("gnutls-serv", ["-p", String(port), ...files, "--echo", "-q", "--priority", versions], port);
}
