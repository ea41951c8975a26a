/** A client process of the library bench: calls one way, in as many loops as calls may run at once. */
import { type Call, callOf } from "./library-calls.ts";
import { type ClientAnswer, type ClientCommand, PARALLEL, type Span } from "./library-protocol.ts";

let call: Call = () => Promise.reject(new Error("not prepared"));

async function run(milliseconds: number): Promise<Span> {
  const times: number[] = [];
  const startedAt = performance.now();
  const endAt = startedAt + milliseconds;
  const before = process.cpuUsage();
  const loop = async (): Promise<void> => {
    for (let now = performance.now(); now < endAt; ) {
      await call();
      const after = performance.now();
      times.push(after - now);
      now = after;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, loop));
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - startedAt) / 1_000;
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(times.length * share)] ?? 0;
  const calls = times.length;
  return { calls, seconds, cpuUs: (user + system) / calls, p50Ms: at(0.5), p99Ms: at(0.99) };
}

async function obey(command: ClientCommand): Promise<ClientAnswer> {
  if (command.do === "run") return { is: "done", span: await run(command.milliseconds) };
  call = await callOf[command.surroundings.way](command.surroundings);
  await call();
  return { is: "ready" };
}

process.on("message", (command: ClientCommand) => {
  obey(command).then(
    (answer) => process.send?.(answer),
    (error: unknown) => {
      const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
      process.send?.({ is: "failed", why } satisfies ClientAnswer);
    },
  );
});
