/* The natives of crypto.c, one a line; crypto.d.ts says what they do. */
export class Secret @ "crypto_native_destructor" {
	constructor(bytes) @ "crypto_native_secret";
	close() @ "crypto_native_secret_close";
	deriveBytes(info, byteLength) @ "crypto_native_derive_bytes";
}

export class MacKey @ "crypto_native_destructor" {
	constructor(secret, info, byteLength) @ "crypto_native_mac_key";
	close() @ "crypto_native_mac_key_close";
	hmac(data) @ "crypto_native_hmac";
}

export class SigningKey @ "crypto_native_destructor" {
	constructor(bytes) @ "crypto_native_signing_key";
	close() @ "crypto_native_signing_key_close";
	sign(data) @ "crypto_native_sign";
}

export function random(byteLength) @ "crypto_native_random";
export function sha256(data) @ "crypto_native_sha256";
