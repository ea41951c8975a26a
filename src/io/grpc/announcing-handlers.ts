import type {
  ServerDuplexStream,
  ServiceDefinition,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { EnteringConnections } from "./entering-connections.ts";

/** On a stream the first message says who comes, and the second one what for. */
const WORDS_OF_ENTRY = 2;

type Handle = (call: ServerDuplexStream<unknown, unknown>, respond: unknown) => void;

/** Handlers that tell who has said what it wants, after having served it. */
export function announcing(
  definition: ServiceDefinition,
  handlers: object,
  entering: EnteringConnections,
): UntypedServiceImplementation {
  const entries = Object.entries(handlers as Record<string, Handle>);
  return Object.fromEntries(
    entries.map(([name, handle]) => {
      const isStream = definition[name]?.requestStream === true;
      const hear: Handle = (call, respond) => {
        handle(call, respond);
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
