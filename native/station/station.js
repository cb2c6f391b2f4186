/* One access point without a scan, the DHCP lease, the name server: one line over the native each. See station.d.ts. */
function connect(wifi, options) @ "xs_station_connect";
function lease(wifi) @ "xs_station_lease";
function nameServer(wifi, address) @ "xs_station_name_server";

export function connectTo(wifi, options) { connect(wifi, options); }
export function readLease(wifi) { return lease(wifi); }
export function setNameServer(wifi, address) { nameServer(wifi, address); }
