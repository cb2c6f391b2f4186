/* The natives of crypto.c, crypto-aead.c and crypto-p256.c, one a line; crypto.d.ts says what they do. */
export class Secret @ "crypto_native_destructor" {
	constructor(bytes, point) @ "crypto_native_secret";
	close() @ "crypto_native_secret_close";
	deriveBytes(info, byteLength, salt) @ "crypto_native_derive_bytes";
}

export class MacKey @ "crypto_native_destructor" {
	constructor(secret, info, byteLength, salt) @ "crypto_native_mac_key";
	close() @ "crypto_native_mac_key_close";
	hmac(data) @ "crypto_native_hmac";
}

export class AeadKey @ "crypto_native_destructor" {
	constructor(secret, alg, info, salt) @ "crypto_native_aead_key";
	close() @ "crypto_native_aead_key_close";
	encrypt(nonce, aad, plaintext) @ "crypto_native_encrypt";
	decrypt(nonce, aad, ciphertext) @ "crypto_native_decrypt";
}

export class SigningKey @ "crypto_native_destructor" {
	constructor(bytes) @ "crypto_native_signing_key";
	close() @ "crypto_native_signing_key_close";
	sign(data) @ "crypto_native_sign";
}

export class VerifyingKey @ "crypto_native_destructor" {
	constructor(point) @ "crypto_native_verifying_key";
	close() @ "crypto_native_verifying_key_close";
	verify(data, signature) @ "crypto_native_verify";
}

export class AgreementKey @ "crypto_native_destructor" {
	constructor(bytes) @ "crypto_native_agreement_key";
	close() @ "crypto_native_agreement_key_close";
	point() @ "crypto_native_agreement_point";
}

export function random(byteLength) @ "crypto_native_random";
export function sha256(data) @ "crypto_native_sha256";
