import { createServer } from "node:net";

/** Below the kernel's ephemeral range (32768 and up), so that no outgoing connection takes a port that was just found free. */
const LOWEST = 18_000;
const HIGHEST = 32_000;

/** How often a taken port is replaced by another guess before giving up: more means that something else is wrong. */
const MAX_GUESSES = 200;

/** Ports handed out by this process: two callers never get the same one, even before the first has bound it. */
const handedOut = new Set<number>();

/** A loopback port that nobody listens on, for programs that cannot be told port 0. */
export async function freePort(): Promise<number> {
  for (let guess = 0; guess < MAX_GUESSES; guess++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (handedOut.has(port)) continue;
    if (await canListen(port)) {
      handedOut.add(port);
      return port;
    }
  }
  throw new Error(`no free port between ${LOWEST} and ${HIGHEST} after ${MAX_GUESSES} guesses`);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
