/** Registrations a second beside the echo calls a second of the same round. */
import { median } from "./median.ts";
import { mainThreadMs, type Server, startBareWeirServer, startEchoServer } from "./processes.ts";
import { RegisterFleet } from "./register-fleet.ts";
import type { LoadKind } from "./register-protocol.ts";

/** Calls of one round of the echo and of unary Register: half a second. */
const CALLS = 12_000;
const REGISTRATIONS = 40_000;
/** Every instance is new until so many are resident; then the first ones come again, a generation on. */
const MAX_RESIDENT = 200_000;
/** First come rounds of a few thousand others, which compile the hot paths of servers and clients. */
const WARM_UP_ROUNDS = 4;
const WARM_UP = { calls: 3_000, registrations: 12_000 };
const BATCH = 100;
/** Calls under way per client process. */
const PARALLEL_CALLS = 48;
const SESSIONS = 4;

/** Of one round or of many: a second's work, by the clock and by the serving thread's processor time. */
export interface Rate {
  readonly perSecond: number;
  readonly perCpuSecond: number;
}

export interface Rates {
  /** Medians over the rounds. */
  readonly echo: Rate;
  readonly unary: Rate;
  readonly attach: Rate;
  /** Medians of the rounds' own ratios: neighbours' loads hit both sides of a round. */
  readonly unaryRatio: Rate;
  readonly attachRatio: Rate;
  readonly newRatio: Rate;
  readonly againRatio: Rate;
}

interface Round {
  readonly echo: Rate;
  readonly unary: Rate;
  readonly attach: Rate;
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
    const fleetOf = { fleet, say };
    for (let i = 0; i < WARM_UP_ROUNDS; i++) {
      const calls = { count: WARM_UP.calls, index: i, base: MAX_RESIDENT, ...fleetOf };
      await rate({ ...calls, kind: "unary", server: echo, name: "warm-up echo" });
      await rate({ ...calls, kind: "unary", server: unary, name: "warm-up unary" });
      const batches = { ...calls, count: WARM_UP.registrations };
      await rate({ ...batches, kind: "attach", server: attach, name: "warm-up attach" });
    }
    const done: Round[] = [];
    for (let i = 0; i < rounds; i++) {
      const calls = { kind: "unary", count: CALLS, index: i, base: 0, ...fleetOf } as const;
      const before = await rate({ ...calls, server: echo, name: "echo" });
      const registered = await rate({ ...calls, server: unary, name: "unary" });
      const after = await rate({ ...calls, server: echo, name: "echo" });
      const batches = { ...calls, kind: "attach", count: REGISTRATIONS } as const;
      const attached = await rate({ ...batches, server: attach, name: "attach" });
      const isNew = (i + 1) * REGISTRATIONS <= MAX_RESIDENT;
      done.push({ echo: mean(before, after), unary: registered, attach: attached, isNew });
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
  /** Of the round. */
  readonly index: number;
  /** Number of the first instance of all. */
  readonly base: number;
  readonly say: (line: string) => void;
}

async function rate(one: OneRate): Promise<Rate> {
  const { name, kind, server, fleet, count, index, base, say } = one;
  const position = index * count;
  const cpuBefore = mainThreadMs(server.pid);
  const span = await fleet.run({
    kind,
    address: server.address,
    first: base + (position % MAX_RESIDENT),
    count,
    generation: 1 + Math.floor(position / MAX_RESIDENT),
    batch: BATCH,
    parallel: kind === "unary" ? PARALLEL_CALLS : SESSIONS,
  });
  const ms = span.endedAtMs - span.startedAtMs;
  const perSecond = (span.count * 1_000) / ms;
  const cpu = mainThreadMs(server.pid) - cpuBefore;
  const busy = Math.round((cpu * 100) / ms);
  say(`  ${name}: ${Math.round(perSecond)}/s in ${Math.round(ms)} ms, server ${busy} % of a core`);
  return { perSecond, perCpuSecond: (span.count * 1_000) / cpu };
}

function mean(a: Rate, b: Rate): Rate {
  return {
    perSecond: (a.perSecond + b.perSecond) / 2,
    perCpuSecond: (a.perCpuSecond + b.perCpuSecond) / 2,
  };
}

function ratesOf(rounds: readonly Round[]): Rates {
  const medians = (rates: readonly Rate[]): Rate => ({
    perSecond: median(rates.map(({ perSecond }) => perSecond)),
    perCpuSecond: median(rates.map(({ perCpuSecond }) => perCpuSecond)),
  });
  const ratio = (of: readonly Round[], kind: "unary" | "attach"): Rate =>
    medians(
      of.map(({ echo, [kind]: rate }) => ({
        perSecond: rate.perSecond / echo.perSecond,
        perCpuSecond: rate.perCpuSecond / echo.perCpuSecond,
      })),
    );
  const newRounds = rounds.filter(({ isNew }) => isNew);
  const againRounds = rounds.filter(({ isNew }) => !isNew);
  return {
    echo: medians(rounds.map(({ echo }) => echo)),
    unary: medians(rounds.map(({ unary }) => unary)),
    attach: medians(rounds.map(({ attach }) => attach)),
    unaryRatio: ratio(rounds, "unary"),
    attachRatio: ratio(rounds, "attach"),
    newRatio: ratio(newRounds, "attach"),
    againRatio: ratio(againRounds, "attach"),
  };
}
