import type { Load } from "../support/load.ts";
import { waitUntil } from "../support/wait-until.ts";
import { type Agent, metrics } from "./agents.ts";

/** Every agent has sent a request to a new instance long before, unless it never will. */
const SERVED_TIMEOUT_MS = 20_000;

/** Waits until every agent has relayed an answer of every named instance. */
export async function waitUntilServed(
  load: Load,
  agents: readonly Agent[],
  names: readonly string[],
): Promise<void> {
  const what = `every agent serves ${names.join(", ")}`;
  await waitUntil(what, SERVED_TIMEOUT_MS, async () => {
    const { served } = await load.report();
    const pairs = served.filter(({ instance }) => names.includes(instance));
    return pairs.length === names.length * agents.length;
  }).catch(async (cause: unknown) => {
    throw new Error(`${String(cause)}\n${await describe(load, agents)}`, { cause });
  });
}

/** What the load and the agents saw instead. */
async function describe(load: Load, agents: readonly Agent[]): Promise<string> {
  const { requests, failed, inFlight, served } = await load.report();
  const lines = [`${requests} requests, ${failed} failed, ${inFlight} in flight`];
  for (const agent of agents) {
    const { id } = agent;
    const answers = served.filter(({ target }) => target === id);
    lines.push(`${id} answered ${answers.map(({ instance, count }) => `${instance} ${count}`)}`);
    const samples = await metrics(agent).catch(() => []);
    for (const { name, labels, value } of samples) {
      if (/candidates|endpoints|connected|attempts|age/.test(name)) {
        lines.push(`  ${name}${labels} ${value}`);
      }
    }
  }
  return lines.join("\n");
}
