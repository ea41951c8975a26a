/** `npm run bench -- NAME [--json] [--rounds N] [--only PART] [--quick]`. */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import type { BenchResult } from "./result.ts";

interface BenchOptions {
  readonly rounds: number;
  readonly only: string;
  /** Shorter runs: for a look, not for figures. */
  readonly quick: boolean;
  readonly say: (line: string) => void;
}

/** Loaded when asked for: a bench must not pay for another one's imports. */
const BENCHES: Readonly<Record<string, (options: BenchOptions) => Promise<BenchResult>>> = {
  library: async (options) => (await import("./library.ts")).library(options),
  pick: async (options) => (await import("./pick.ts")).pick(options),
  propagate: async (options) => (await import("./propagate.ts")).propagate(options),
  proxy: async (options) => (await import("./proxy.ts")).proxy(options),
  register: async (options) => (await import("./register.ts")).register(options),
  storm: async (options) => (await import("./storm.ts")).storm(options),
  watch: async (options) => (await import("./watch.ts")).watch(options),
};

const USAGE = `usage: npm run bench -- ${Object.keys(BENCHES).join("|")} [--json] [--rounds N] [--only PART] [--quick]`;

/** What the figures' medians are taken over. */
const DEFAULT_ROUNDS = "21";

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      rounds: { type: "string", default: DEFAULT_ROUNDS },
      only: { type: "string", default: "" },
      quick: { type: "boolean", default: false },
    },
  });
  const name = positionals[0] ?? "";
  const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
  if (bench === undefined || positionals.length !== 1) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const { rounds, only, quick } = values;
  const { figures, peers } = await bench({ rounds: Number(rounds), only, quick, say });
  if (values.json) {
    process.stdout.write(
      `${JSON.stringify({ name, cores: availableParallelism(), figures, peers })}\n`,
    );
  } else {
    for (const [figure, value] of Object.entries({ ...figures, ...peers })) {
      process.stdout.write(`${figure.padEnd(34)} ${value}\n`);
    }
  }
  return 0;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(
      `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    process.exit(1);
  },
);
