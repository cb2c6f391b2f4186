/* Questions to the simulated world: what a board's radio would find out. Only the modules beside use it. */
export function ask(kind, detail, callback) @ "xs_world_ask";
export function cancel(id) @ "xs_world_cancel";
/* The board's MAC address, in hexadecimal with colons. */
export function mac() @ "xs_world_mac";
/* Whether what the board sends from now on reaches anybody: not from an address that is not its own. */
export function reach(on) @ "xs_world_reach";
