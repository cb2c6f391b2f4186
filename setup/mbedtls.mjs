/**
 * Builds mbedTLS for the simulator with a board's configuration (native/tls/mbedtls-config.h).
 * The result is kept per word size and variant, and rebuilt when sources, configuration, flags or compiler change.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { mbedtlsSource } from "./mbedtls-source.mjs";
import { build, root, run } from "./steps.mjs";

const config = join(root, "native/tls/mbedtls-config.h");

/** Server side, sockets, files and algorithms that the configuration leaves out: quicker not to open them. */
const unused =
  /^(aesce|aesni|aria|camellia|des|dhm|ecjpake|error|lms|lmots|md5|memory_buffer_alloc|mps_\w+|net_sockets|nist_kw|padlock|pkcs5|pkcs7|pkcs12|psa_crypto_se|psa_its_file|ripemd160|sha1|sha3|ssl_cache|ssl_cookie|ssl_ticket|ssl_tls1[23]_server|threading|timing|version|version_features|x509_create|x509_csr|x509write\w*)\.c$/;

/** @type {Record<"release" | "sanitize", string[]>} */
const variants = {
  release: ["-O2", "-ffunction-sections", "-fdata-sections"],
  // mbedTLS compares empty names by memcmp(NULL, NULL, 0): no byte is read
  sanitize: [
    "-O1",
    "-g",
    "-fno-omit-frame-pointer",
    "-fsanitize=address,undefined",
    "-fno-sanitize=nonnull-attribute",
    "-fno-sanitize-recover=undefined",
  ],
};

/**
 * @param {{ abi: "32" | "64", variant: "release" | "sanitize", progress: (text: string) => void }} options
 * @returns {Promise<{ include: string[], defines: string[], libraries: string[] }>} for the compiler and the
 *   linker; a define is what follows `-D`
 */
export async function mbedtls({ abi, variant, progress }) {
  const source = await mbedtlsSource({ progress });
  const include = [join(source, "include"), join(root, "native/tls")];
  const defines = ['MBEDTLS_CONFIG_FILE="mbedtls-config.h"'];
  const folder = join(build, "mbedtls", `${abi}-${variant}`);
  const library = join(folder, "libmbedtls.a");
  const result = { include, defines, libraries: [library] };
  const compiler = process.env.CC || "cc";
  const flags = [
    ...(abi === "32" ? ["-m32", "-msse2", "-mfpmath=sse"] : []),
    ...variants[variant],
    "-fno-common",
    "-Wall",
    ...include.map((path) => `-I${path}`),
    `-I${join(source, "library")}`,
    ...defines.map((define) => `-D${define}`),
  ];
  const stamp = createHash("sha256")
    .update(JSON.stringify([source, compiler, flags, await run(compiler, ["--version"])]))
    .update(readFileSync(config))
    .update(readFileSync(join(source, "include/mbedtls/build_info.h")))
    .digest("hex");
  const stampFile = join(folder, "stamp");
  if (existsSync(library) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp)
    return result;

  progress(`mbedTLS, ${abi} bits${variant === "release" ? "" : ", with sanitizers"} …`);
  const scratch = join(build, "mbedtls", `.build-${process.pid}-${abi}-${variant}`);
  mkdirSync(scratch, { recursive: true });
  mkdirSync(folder, { recursive: true });
  try {
    const files = readdirSync(join(source, "library")).filter(
      (name) => name.endsWith(".c") && !unused.test(name),
    );
    await compileAll(compiler, flags, files, (name) => join(source, "library", name), scratch);
    const archive = join(scratch, "libmbedtls.a");
    await run(process.env.AR || "ar", ["rcs", archive, ...files.map((name) => objectOf(scratch, name))]);
    rmSync(stampFile, { force: true });
    renameSync(archive, library);
    writeFileSync(stampFile, stamp);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return result;
}

/**
 * @param {string} folder
 * @param {string} name
 */
function objectOf(folder, name) {
  return join(folder, name.replace(/\.c$/, ".o"));
}

/**
 * @param {string} compiler
 * @param {string[]} flags
 * @param {string[]} files
 * @param {(name: string) => string} pathOf
 * @param {string} objects
 */
async function compileAll(compiler, flags, files, pathOf, objects) {
  const queue = [...files];
  const worker = async () => {
    for (let name = queue.shift(); name; name = queue.shift())
      await run(compiler, [...flags, "-c", pathOf(name), "-o", objectOf(objects, name)]);
  };
  await Promise.all(Array.from({ length: Math.min(8, availableParallelism()) }, worker));
}
