/**
 * Imported before everything else of the library: modules run in the order of their imports, so on
 * a Node that is too old this sentence comes first, and not what a package makes of a missing
 * function. "engines" in package.json says the same version; npm only warns about it.
 */

/** What undici 8 asks for. */
const OLDEST_MAJOR = 22;
const OLDEST_MINOR = 19;

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major < OLDEST_MAJOR || (major === OLDEST_MAJOR && minor < OLDEST_MINOR)) {
  const message =
    `weir-mesh needs Node ${OLDEST_MAJOR}.${OLDEST_MINOR} or newer, this is ${process.versions.node}: ` +
    "install a newer one, for example with `npm install -g n && n lts`, and start the program with it";
  throw Object.assign(new Error(message), { code: "NODE_TOO_OLD" });
}
