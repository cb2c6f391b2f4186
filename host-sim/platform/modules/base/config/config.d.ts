/** What a manifest's `config` says; mcconfig makes the module on a board, host-sim/image.ts in the simulator. */
declare module "mc/config" {
  const config: Readonly<Record<string, unknown>>;
  export default config;
}
