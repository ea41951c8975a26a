/** Registrations a second beside the echo calls a second of the same round. */
import { median } from "./median.ts";
import { cpuMs, type Server, startBareWeirServer, startEchoServer } from "./processes.ts";
import { RegisterFleet } from "./register-fleet.ts";
import type { LoadKind } from "./register-protocol.ts";

/** Calls of one round of the echo and of unary Register: most of a second. */
const CALLS = 12_000;
const REGISTRATIONS = 90_000;
/** Every instance is new until so many are resident; then the first ones come again, a generation on. */
const MAX_RESIDENT = 180_000;
const BATCH = 100;
/** Calls under way per client process. */
const PARALLEL_CALLS = 48;
const SESSIONS = 4;
/** The first rounds compile the hot paths of servers and clients. */
const WARM_UP_ROUNDS = 2;

export interface Rates {
  /** Per second, medians over the rounds. */
  readonly echo: number;
  readonly unary: number;
  readonly attach: number;
  /** Medians of the rounds' own ratios: neighbours' loads hit both sides of a round. */
  readonly unaryRatio: number;
  readonly attachRatio: number;
  readonly newRatio: number;
  readonly againRatio: number;
}

interface Round {
  readonly echo: number;
  readonly unary: number;
  readonly attach: number;
  readonly isNew: boolean;
}

/** Each round: echo, unary Register, echo again, Attach. */
export async function measureRates(rounds: number, say: (line: string) => void): Promise<Rates> {
  const fleet = new RegisterFleet();
  const servers: Server[] = [];
  try {
    const echo = await startEchoServer();
    servers.push(echo);
    const unary = await startBareWeirServer();
    servers.push(unary);
    const attach = await startBareWeirServer();
    servers.push(attach);
    const done: Round[] = [];
    for (let i = 0; i < WARM_UP_ROUNDS + rounds; i++) {
      const calls = { kind: "unary", count: CALLS, index: i, fleet, say } as const;
      const before = await rate({ ...calls, server: echo, name: "echo" });
      const registered = await rate({ ...calls, server: unary, name: "unary" });
      const after = await rate({ ...calls, server: echo, name: "echo" });
      const attached = await rate({
        kind: "attach",
        count: REGISTRATIONS,
        index: i,
        server: attach,
        name: "attach",
        fleet,
        say,
      });
      const isNew = (i + 1) * REGISTRATIONS <= MAX_RESIDENT;
      if (i >= WARM_UP_ROUNDS || isNew) {
        done.push({ echo: (before + after) / 2, unary: registered, attach: attached, isNew });
      }
    }
    return ratesOf(done);
  } finally {
    await fleet.close();
    await Promise.all(servers.map((server) => server.stop()));
  }
}

interface OneRate {
  readonly name: string;
  readonly kind: LoadKind;
  readonly server: Server;
  readonly fleet: RegisterFleet;
  readonly count: number;
  readonly index: number;
  readonly say: (line: string) => void;
}

async function rate({ name, kind, server, fleet, count, index, say }: OneRate): Promise<number> {
  const position = index * count;
  const cpuBefore = cpuMs(server.pid);
  const span = await fleet.run({
    kind,
    address: server.address,
    first: position % MAX_RESIDENT,
    count,
    generation: 1 + Math.floor(position / MAX_RESIDENT),
    batch: BATCH,
    parallel: kind === "unary" ? PARALLEL_CALLS : SESSIONS,
  });
  const ms = span.endedAtMs - span.startedAtMs;
  const perSecond = (span.count * 1_000) / ms;
  const busy = Math.round(((cpuMs(server.pid) - cpuBefore) * 100) / ms);
  say(`  ${name}: ${Math.round(perSecond)}/s in ${Math.round(ms)} ms, server ${busy} % of a core`);
  return perSecond;
}

function ratesOf(rounds: readonly Round[]): Rates {
  const ratio = (of: readonly Round[], kind: "unary" | "attach"): number =>
    median(of.map((round) => round[kind] / round.echo));
  return {
    echo: median(rounds.map(({ echo }) => echo)),
    unary: median(rounds.map(({ unary }) => unary)),
    attach: median(rounds.map(({ attach }) => attach)),
    unaryRatio: ratio(rounds, "unary"),
    attachRatio: ratio(rounds, "attach"),
    newRatio: ratio(
      rounds.filter(({ isNew }) => isNew),
      "attach",
    ),
    againRatio: ratio(
      rounds.filter(({ isNew }) => !isNew),
      "attach",
    ),
  };
}
