/* Questions to the simulated world: what a board's radio would find out. Only the modules beside use it. */
export function ask(kind, detail, callback) @ "xs_world_ask";
export function cancel(id) @ "xs_world_cancel";
