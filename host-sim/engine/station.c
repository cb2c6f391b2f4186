/* The simulator's half of native/station/station.js: its Wi-Fi interface does by itself what the SDK's does not. */
#include "xs.h"

void xs_station_connect(xsMachine *the) { xsCall1(xsArg(0), xsID("connect"), xsArg(1)); }

void xs_station_lease(xsMachine *the) { xsResult = xsGet(xsArg(0), xsID("lease")); }

void xs_station_name_server(xsMachine *the) { xsSet(xsArg(0), xsID("nameServer"), xsArg(1)); }
