/**
 * Random campaigns: `npm test` runs a hundredth, `npm run test:long` all. The seed is printed by the runner
 * and repeats a run through DORMOUSE_SEED.
 */
export const seed = Number(process.env.DORMOUSE_SEED || 1);

/** How many of a full campaign's runs this session makes. */
export function runs(full: number): number {
  return process.env.DORMOUSE_LONG ? full : Math.ceil(full / 100);
}
