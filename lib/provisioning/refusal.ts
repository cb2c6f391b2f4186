/** Why a request is not done: what becomes its answer. */
import type { ErrorKind } from "./messages.js";

export class Refusal {
  readonly error: ErrorKind;
  /** One line for the operator, without a secret. */
  readonly detail: string;

  constructor(error: ErrorKind, detail: string) {
    this.error = error;
    this.detail = detail;
  }
}

/** What an error's answer has room for. */
const maxDetail = 120;

export function refusal(error: ErrorKind, detail: string): Refusal {
  return new Refusal(error, detail.length > maxDetail ? `${detail.slice(0, maxDetail)}…` : detail);
}
