/** How far a provisioning is, in words. It runs in browsers too. */
import type { GeneratedKey } from "../../lib/provisioning/messages.js";
import type { Progress } from "../../lib/provisioning/provision.js";

const keyNames: { readonly [key in GeneratedKey]: string } = {
  "tls-key": "TLS key",
  "sign-key": "signing key",
};

/** @returns undefined for what nobody needs to hear of */
export function stepLine(progress: Progress): string | undefined {
  switch (progress.step) {
    case "erase":
      return "erasing what was there";
    case "generate":
      return `making its ${keyNames[progress.key]} on the board`;
    case "issue":
      return "issuing its certificate";
    case "write":
      return progress.written === progress.total
        ? `wrote ${progress.entry}, ${progress.total} bytes`
        : undefined;
    case "commit":
      return "committing";
    case "prove":
      return `it has its ${progress.key}`;
    case "restart":
      return "restarting";
  }
}
