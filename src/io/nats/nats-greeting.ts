import { lookup } from "node:dns/promises";
import { connect } from "node:net";
import type { Random } from "../../core/model/random.ts";
import type { Clock } from "../../ports/clock.ts";
import { shuffled } from "./shuffled.ts";
import { TooLateError, withinTime } from "./within-time.ts";

/** An INFO line is some 500 bytes, with the URLs of a large cluster a few thousand. */
const MAX_GREETING_BYTES = 64 * 1024;

/** What answered is no NATS server. */
export class NotNatsError extends Error {
  override readonly name = "NotNatsError";
}

/** Where a server really listens, and what it said first. */
export interface Greeting {
  /** The one of the host's IP addresses that answered. */
  readonly address: string;
  /** It can speak TLS, or wants to. */
  readonly hasTls: boolean;
}

/**
 * Finds an address of the host at which a NATS server says its first word. The client of `nats`
 * never closes a socket whose server accepts and stays silent (a frozen one), so each attempt at it
 * would cost a file descriptor for ever; and it asks DNS only, not /etc/hosts.
 *
 * @param timeoutMs for the name, and then for each address
 * @throws what went wrong at the last one
 */
export async function findServer(
  { host, port }: { readonly host: string; readonly port: number },
  timeoutMs: number,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<Greeting> {
  const addresses = await withinTime(addressesOf(host), timeoutMs, clock, "asking for its address");
  let last: unknown;
  for (const address of shuffled(addresses, random)) {
    try {
      return { address, hasTls: hasTls(await greet(address, port, timeoutMs, clock)) };
    } catch (error) {
      last = error;
    }
  }
  throw last ?? new NotNatsError(`${host} has no address`);
}

async function addressesOf(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

/** The INFO line of the server; the connection is closed in every case. */
function greet(address: string, port: number, timeoutMs: number, clock: Clock): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, address);
    let text = "";
    const end = (error?: Error): void => {
      cancel();
      socket.destroy();
      if (error === undefined) resolve(text.slice(0, text.indexOf("\r\n")));
      else reject(error);
    };
    const cancel = clock.after(timeoutMs, () => {
      const how = socket.connecting
        ? "it does not answer: check the network and firewalls"
        : "it accepts connections and stays silent: is it overloaded or frozen?";
      end(new TooLateError(how));
    });
    socket.on("error", end);
    socket.on("close", () => end(new NotNatsError("it closed the connection without a word")));
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (!"INFO ".startsWith(text.slice(0, 5).toUpperCase()) || text.length > MAX_GREETING_BYTES) {
        end(new NotNatsError("it does not speak NATS"));
      } else if (text.includes("\r\n")) end();
    });
  });
}

function hasTls(line: string): boolean {
  let info: unknown;
  try {
    info = JSON.parse(line.slice("INFO ".length));
  } catch {
    throw new NotNatsError("what it says first cannot be read");
  }
  if (typeof info !== "object" || info === null) return false;
  const isRequired = "tls_required" in info && info.tls_required === true;
  return isRequired || ("tls_available" in info && info.tls_available === true);
}
