/** Runs .ts files without a flag. Source: Node's changelog, 22.18.0. */
export const NODE_NEEDED = "22.18";

/** `version` as `node -v` prints it; `undefined` when there is none. */
export function isNodeRecentEnough(version) {
  const [, major = 0, minor = 0] = (/^v(\d+)\.(\d+)/.exec(version ?? "") ?? []).map(Number);
  return major > 22 ? major > 23 || minor >= 6 : major === 22 && minor >= 18;
}
