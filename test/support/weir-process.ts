import { fileURLToPath } from "node:url";
import { RunningProcess } from "./running-process.ts";

const MAIN = fileURLToPath(new URL("../../src/apps/cli/main.ts", import.meta.url));

/** A `weir` process of a test. */
export class WeirProcess extends RunningProcess {
  /** @param script another way to start it, for example `scripts/weir.mjs`. */
  constructor(
    args: readonly string[],
    {
      env = {},
      cwd,
      script = MAIN,
    }: { env?: Record<string, string>; cwd?: string; script?: string } = {},
  ) {
    super(process.execPath, [script, ...args], {
      ...(cwd === undefined ? {} : { cwd }),
      env: { PATH: process.env["PATH"], ...env },
    });
  }
}
