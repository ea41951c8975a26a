import {
  degradedBy,
  type ReadinessCheck,
  readinessCheck,
} from "../../core/model/readiness-check.ts";
import type { ConnectionState } from "../../data-plane/connection-loop.ts";
import type { KeptView } from "../../data-plane/kept-instance.ts";
import type { ServiceEntry } from "../../data-plane/service-table.ts";

interface ReadinessInput {
  readonly services: () => Iterable<ServiceEntry>;
  readonly instances: () => readonly KeptView[];
  readonly watch: () => ConnectionState;
}

/** What the agent waits for, and what is worth knowing of one that serves. */
export function readinessChecks(
  input: ReadinessInput,
  missing: readonly string[],
): ReadinessCheck[] {
  const { isConnected, problem } = input.watch();
  const isLost = !isConnected && (problem || "it has not answered yet");
  const saved = [...input.services()].filter(({ origin }) => origin === "saved");
  const absent = input.instances().filter(({ status }) => status !== "registered");
  return [
    readinessCheck("endpoints", missing.length === 0 ? "ok" : "failing", missing.join("; ")),
    degradedBy("control-plane", isLost || ""),
    degradedBy("last-known-good", saved.map(({ key }) => `${key} is served from disk`).join("; ")),
    degradedBy("instances", absent.map(({ key, status }) => `${key} is ${status}`).join("; ")),
  ];
}
