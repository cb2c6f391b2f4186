/** What the receiving side uses of lib/sealed. */
export { type Claim, claimed } from "../lib/sealed/claimed.js";
export type { SealKey, Sender, SignKey, StampAlgorithm, StampKey } from "../lib/sealed/keys.js";
export type { Check, Verified } from "../lib/sealed/opened.js";
export { open, type ReceiverKey } from "../lib/sealed/protect.js";
export type { SealToOpener } from "../lib/sealed/unseal.js";
