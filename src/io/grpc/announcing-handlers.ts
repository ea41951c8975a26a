import type {
  ServerDuplexStream,
  ServiceDefinition,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { EnteringConnections } from "./entering-connections.ts";
import type { CountEnd, FinishedCalls } from "./finished-calls.ts";

/** On a stream the first message says who comes, and the second one what for. */
const WORDS_OF_ENTRY = 2;

type Handle = (
  call: ServerDuplexStream<unknown, unknown>,
  respond: unknown,
  finished?: CountEnd,
) => void;

/** Handlers that tell who has said what it wants, after having served it, and how each call ended. */
export function announcing(
  definition: ServiceDefinition,
  handlers: object,
  entering: EnteringConnections,
  calls: FinishedCalls,
): UntypedServiceImplementation {
  const entries = Object.entries(handlers as Record<string, Handle>);
  return Object.fromEntries(
    entries.map(([name, handle]) => {
      const isStream = definition[name]?.requestStream === true;
      const finished = calls.of(definition[name]?.path ?? `/${name}`);
      const hear: Handle = (call, respond) => {
        handle(call, respond, finished);
        if (!entering.has(call)) return;
        if (isStream) afterMessages(WORDS_OF_ENTRY, call, () => entering.entered(call));
        else entering.entered(call);
      };
      return [name, hear as UntypedServiceImplementation[string]];
    }),
  );
}

function afterMessages(
  count: number,
  call: ServerDuplexStream<unknown, unknown>,
  task: () => void,
): void {
  let heardCount = 0;
  const hear = (): void => {
    if (++heardCount < count) return;
    call.off("data", hear);
    task();
  };
  call.on("data", hear);
}
