import type { Dispatcher } from "undici";

type Headers = Dispatcher.DispatchOptions["headers"];

/** A program's headers with the service's name as Host, unless they name one: endpoints see what they see behind an agent. */
export function withHost(headers: Headers | undefined, host: string): NonNullable<Headers> {
  if (headers === undefined || headers === null) return { host };
  if (Array.isArray(headers))
    return hasHost(everyOther(headers)) ? headers : [...headers, "host", host];
  if (Symbol.iterator in headers) {
    const pairs = [...headers] as [string, string][];
    return hasHost(pairs.map(([name]) => name)) ? pairs : [...pairs, ["host", host]];
  }
  return hasHost(Object.keys(headers)) ? headers : { ...headers, host };
}
function hasHost(names: readonly string[]): boolean {
  for (const name of names) {
    if (name.length === 4 && name.toLowerCase() === "host") return true;
  }
  return false;
}

function everyOther(list: readonly string[]): string[] {
  return list.filter((_, i) => i % 2 === 0);
}
