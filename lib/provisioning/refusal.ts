/** Why a request is not done: its answer. */
import type { Answer, ErrorKind } from "./messages.js";

export type Refusal = Extract<Answer, { readonly kind: "error" }>;

/** What an answer has room for. */
const maxDetail = 120;

/** @param detail one line for the operator, without a secret; what is too long is cut */
export function refusal(error: ErrorKind, detail: string): Refusal {
  const short = detail.length > maxDetail ? `${detail.slice(0, maxDetail)}…` : detail;
  return { kind: "error", error, detail: short };
}
