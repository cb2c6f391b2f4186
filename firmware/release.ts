/**
 * When this firmware was made, Unix seconds: certificates are judged at this time at the earliest, so that a
 * board without a clock does not accept one that had expired by then. Raised with each release.
 */
export const builtAtSeconds = Date.UTC(2026, 10, 1) / 1000;

/** As in package.json. */
export const firmwareVersion = "0.1.0";
