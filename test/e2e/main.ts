/** `npm run e2e -- deploy|kill|headless|library|drain|replicas|nats-outage|partition [--json] [--small] [--rps N] [--instances N]`. */
import { parseArgs } from "node:util";
import { deploy } from "./deploy.ts";
import { drain } from "./drain.ts";
import { headless } from "./headless.ts";
import { kill } from "./kill.ts";
import { library } from "./library.ts";
import { natsOutage } from "./nats-outage.ts";
import { partition } from "./partition.ts";
import { replicas } from "./replicas.ts";
import { FULL_SCALE, type Run, type Scale, SMALL_SCALE } from "./scale.ts";

const RUNS: Readonly<Record<string, (scale: Scale, say: (line: string) => void) => Promise<Run>>> =
  {
    deploy,
    kill,
    headless,
    library,
    drain,
    replicas,
    "nats-outage": natsOutage,
    partition,
  };

const USAGE =
  "usage: npm run e2e -- deploy|kill|headless|library|drain|replicas|nats-outage|partition [--json] [--small] [--rps N] [--instances N]";

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      small: { type: "boolean", default: false },
      rps: { type: "string" },
      instances: { type: "string" },
    },
  });
  const run = Object.hasOwn(RUNS, positionals[0] ?? "") ? RUNS[positionals[0] ?? ""] : undefined;
  if (run === undefined || positionals.length !== 1) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  const base = values.small ? SMALL_SCALE : FULL_SCALE;
  const scale = {
    ...base,
    requestsPerSecond: Number(values.rps ?? base.requestsPerSecond),
    instances: Number(values.instances ?? base.instances),
  };
  const { result, shortfalls } = await run(scale, (line) => process.stderr.write(`${line}\n`));
  for (const shortfall of shortfalls) process.stderr.write(`fell short: ${shortfall}\n`);
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else
    for (const [name, figure] of Object.entries(result.figures))
      process.stdout.write(`${name.padEnd(30)} ${figure}\n`);
  return shortfalls.length === 0 ? 0 : 1;
}

// Through `exit`, whose listeners end what was started.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
