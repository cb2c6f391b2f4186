/* The natives of tls.c, one a line; tls.d.ts says what they do. */
export class Session @ "tls_native_destructor" {
	constructor(minVersion, maxVersion, floorSeconds, nowSeconds, maxFragmentBytes) @ "tls_native_constructor";
	close() @ "tls_native_close";
	expectName(name) @ "tls_native_expect_name";
	expectAddress(address) @ "tls_native_expect_address";
	trust(certificates) @ "tls_native_trust";
	revoke(list) @ "tls_native_revoke";
	pin(digest) @ "tls_native_pin";
	identify(certificates, privateKey) @ "tls_native_identify";
	preshare(identity, key, forwardSecrecy) @ "tls_native_preshare";
	offer(protocol) @ "tls_native_offer";
	resume(saved, secret, maxAgeSeconds) @ "tls_native_resume";
	start(early) @ "tls_native_start";
	feed(bytes) @ "tls_native_feed";
	drain(maxBytes) @ "tls_native_drain";
	read(maxBytes) @ "tls_native_read";
	write(bytes) @ "tls_native_write";
	shutdown() @ "tls_native_shutdown";
	save(secret, maxBytes) @ "tls_native_save";
	failure() @ "tls_native_failure";
	secured() @ "tls_native_secured";
	get resumable() @ "tls_native_get_resumable";
	get state() @ "tls_native_get_state";
	get wanted() @ "tls_native_get_wanted";
	get pending() @ "tls_native_get_pending";
	get readable() @ "tls_native_get_readable";
	get writable() @ "tls_native_get_writable";
}
function number(list) @ "tls_native_crl_number";
function isOf(list, ca, issuer) @ "tls_native_crl_is_of";
export function crlNumber(list) { return number(list); }
export function crlIsOf(list, ca, issuer) { return isOf(list, ca, issuer); }
