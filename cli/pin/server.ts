/**
 * Asks a TLS server for its certificates, and trusts none of them: what comes is what somebody at that address,
 * or on the way to it, sent. Nothing is sent but the handshake.
 */
import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { OperatorError } from "../report.js";

/** In the order in which they came. @throws {OperatorError} in one line that begins with the server's address */
export function certificatesOf(host: string, port: number, timeoutMs: number): Promise<X509Certificate[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      ...(isIP(host) === 0 && { servername: host }),
      // As a device asks, so that a balancer which goes by it answers the same.
      ALPNProtocols: ["mqtt"],
      minVersion: "TLSv1.2",
      rejectUnauthorized: false,
      ca: [],
    });
    const fail = (problem: string) => {
      clearTimeout(timer);
      socket.destroy();
      const address = isIP(host) === 6 ? `[${host}]` : host;
      reject(new OperatorError(`${address}:${port} ${problem}`));
    };
    const look = () => {
      const sent = sentBy(socket);
      if (sent.length === 0) return;
      clearTimeout(timer);
      socket.destroy();
      resolve(sent);
    };
    const timer = setTimeout(fail, timeoutMs, `has not shown a certificate within ${timeoutMs / 1000} s`);
    // Keys are agreed on just after the certificates came: early enough for a server that then demands ours.
    socket.on("keylog", look);
    socket.on("secureConnect", look);
    socket.on("secureConnect", () => fail("shows no certificate"));
    socket.on("error", (error) => fail(reasonOf(error)));
  });
}

/** Node links them in the order in which they came, the first time it is asked. */
function sentBy(socket: TLSSocket): X509Certificate[] {
  const sent: X509Certificate[] = [];
  for (let next = socket.getPeerX509Certificate(); next; next = next.issuerCertificate) sent.push(next);
  return sent;
}

const reasons: { readonly [code: string]: string } = {
  ECONNREFUSED: "refuses the connection: no broker listens on that port",
  ENOTFOUND: "is no known host name",
  EAI_AGAIN: "cannot be looked up: the name server does not answer",
  EHOSTUNREACH: "cannot be reached",
  ENETUNREACH: "cannot be reached",
  ETIMEDOUT: "does not answer",
  ECONNRESET: "ends the connection before TLS stands: it may be no TLS port",
  ERR_SSL_WRONG_VERSION_NUMBER: "does not speak TLS",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "speaks neither TLS 1.2 nor 1.3",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "speaks neither TLS 1.2 nor 1.3",
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: "refuses the handshake: it may know PSKs only",
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: "refuses the application protocol mqtt: it is no broker",
};

function reasonOf(error: Error): string {
  const { code = "", reason } = error as NodeJS.ErrnoException & { readonly reason?: string };
  return reasons[code] ?? `fails: ${reason ?? error.message}`;
}
