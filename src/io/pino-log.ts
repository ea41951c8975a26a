import { pino } from "pino";
import type { Log } from "../ports/log.ts";

/** JSON lines on stderr, so that stdout stays for data. `name` says which program speaks. */
export function pinoLog(level: string, name: string): Log {
  return pino(
    { level, name, redact: ["token", "*.token", "headers.authorization"] },
    pino.destination({ fd: 2, sync: true }),
  );
}
