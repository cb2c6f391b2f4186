/* The natives of tls.c, one a line; tls.d.ts says what they do. */
export class Session @ "tls_native_destructor" {
	constructor(minVersion, maxVersion, validAtSeconds, maxFragmentBytes) @ "tls_native_constructor";
	close() @ "tls_native_close";
	expectName(name) @ "tls_native_expect_name";
	expectAddress(address) @ "tls_native_expect_address";
	trust(certificates) @ "tls_native_trust";
	offer(protocol) @ "tls_native_offer";
	start() @ "tls_native_start";
	feed(bytes) @ "tls_native_feed";
	drain(maxBytes) @ "tls_native_drain";
	read(maxBytes) @ "tls_native_read";
	write(bytes) @ "tls_native_write";
	shutdown() @ "tls_native_shutdown";
	failure() @ "tls_native_failure";
	secured() @ "tls_native_secured";
	get state() @ "tls_native_get_state";
	get wanted() @ "tls_native_get_wanted";
	get pending() @ "tls_native_get_pending";
	get readable() @ "tls_native_get_readable";
	get writable() @ "tls_native_get_writable";
}
