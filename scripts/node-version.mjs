/**
 * The oldest Node that runs Weir: what undici 8 asks for. It also runs .ts files without a flag,
 * which Node does from 22.18 on. "engines" in package.json says the same.
 */
export const NODE_NEEDED = "22.19";

/** `version` as `node -v` prints it; `undefined` when there is none. */
export function isNodeRecentEnough(version) {
  const [, major = 0, minor = 0] = (/^v(\d+)\.(\d+)/.exec(version ?? "") ?? []).map(Number);
  // Of 23, which was never a long-term version, the first ones did not run .ts files.
  return major > 22 ? major > 23 || minor >= 6 : major === 22 && minor >= 19;
}
