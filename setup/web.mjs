/**
 * `npm run web`: bundles the page of web/ into build/web, and serves it on this machine, where browsers give pages the
 * serial port. Any static web server with https can serve the same folder. `-- --build` only bundles.
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build as buildFolder, root } from "./steps.mjs";

const pages = ["index.html", "page.css"];

/** What no meta element can say; the rest of the policy stands in index.html. */
const headers = {
  "content-security-policy": "frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cache-control": "no-cache",
};

const types = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".txt": "text/plain" };

/**
 * @param {string} folder made anew: everything the page needs lies in it then
 */
export async function buildPage(folder) {
  const { build } = await import("esbuild");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await build({
    entryPoints: [`${root}web/page.ts`],
    outdir: folder,
    bundle: true,
    // esptool-js loads what it needs of a chip when it knows which one it is.
    splitting: true,
    chunkNames: "parts/[name]-[hash]",
    format: "esm",
    platform: "browser",
    target: "es2022",
    minify: true,
    charset: "utf8",
    legalComments: "linked",
    logLevel: "silent",
    plugins: [{ name: "validator", setup: compiledValidator }],
  });
  for (const name of pages) copyFileSync(`${root}web/${name}`, join(folder, name));
}

/**
 * The profile's schema as code: the page's policy compiles no text, which is how Ajv works otherwise.
 * @param {import("esbuild").PluginBuild} plugin
 */
function compiledValidator(plugin) {
  plugin.onLoad({ filter: /[\\/]cli[\\/]profile[\\/]validator\.ts$/ }, async () => {
    const [{ Ajv }, { default: standalone }] = await Promise.all([
      import("ajv"),
      import("ajv/dist/standalone/index.js"),
    ]);
    const schema = JSON.parse(readFileSync(`${root}profiles/dormouse.schema.json`, "utf8"));
    const ajv = new Ajv({
      allErrors: true,
      verbose: true,
      useDefaults: true,
      allowUnionTypes: true,
      code: { source: true },
    });
    const code = /** @type {any} */ (standalone).default(ajv, ajv.compile(schema));
    return {
      contents: `const module = { exports: {} };\n${code}\nexport const profileValidator = () => module.exports;`,
      resolveDir: root,
      loader: "js",
    };
  });
}

/**
 * Serves the folder to this machine alone.
 * @param {string} from
 * @param {number} port 0: any that is free
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export function servePage(from, port) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const name = pathname === "/" ? "/index.html" : pathname;
    const type = /** @type {Record<string, string>} */ (types)[extname(name)];
    try {
      if (!type || !/^(\/[A-Za-z0-9_-]+)+\.[a-z.]+$/.test(name)) throw new RangeError(name);
      const content = readFileSync(join(from, name));
      response.writeHead(200, { ...headers, "content-type": `${type}; charset=utf-8` }).end(content);
    } catch {
      response.writeHead(404, headers).end();
    }
  });
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const { port: taken } = /** @type {import("node:net").AddressInfo} */ (server.address());
      resolve({ url: `http://localhost:${taken}/`, close: () => server.close() });
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [{ main }, { packages }, { progress, SetupError }] = await Promise.all([
    import("./main.mjs"),
    import("./packages.mjs"),
    import("./steps.mjs"),
  ]);
  await main(async () => {
    await packages();
    const made = join(buildFolder, "web");
    await buildPage(made);
    if (process.argv.includes("--build")) {
      progress(`the page is in ${made}`);
      return 0;
    }
    const { url } = await servePage(made, 8266).catch((error) => {
      if (error.code === "EADDRINUSE")
        throw new SetupError("port 8266 is taken: is the page being served already?");
      throw error;
    });
    progress(`open ${url} in Chrome or Edge; Ctrl+C ends it`);
    await new Promise(() => {});
    return 0;
  });
}
