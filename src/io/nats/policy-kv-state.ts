import type { PolicyCopies, PolicyStoreState } from "../../ports/policy-store.ts";
import type { PolicyTrouble } from "./policy-trouble.ts";

/** How policies in JetStream are, for people. */
export function policyKvState(of: {
  readonly bucket: string;
  /** Why the stream is not believed; `""` when it is. */
  readonly alarm: string;
  /** What else stands in the way. */
  readonly trouble: PolicyTrouble | undefined;
  readonly copies: PolicyCopies | undefined;
}): PolicyStoreState {
  const { bucket, alarm, trouble, copies } = of;
  const base = { kind: "nats", where: bucket, note: "", ...(copies && { copies }) } as const;
  if (alarm !== "") {
    return { ...base, isWritable: false, problem: alarm, problemKind: "replaced" };
  }
  if (trouble === undefined) return { ...base, isWritable: true, problem: "" };
  const problem = `policies cannot be changed now: ${trouble.message}`;
  return { ...base, isWritable: false, problem, problemKind: trouble.kind };
}

/** For a stream that is not the one that is known here, or is behind it. */
export function replacedAlarm(of: {
  readonly bucket: string;
  /** What became of the stream, after "the stream". */
  readonly what: string;
  /** How many policies are known here. */
  readonly count: number;
}): string {
  return (
    `the policies in NATS, bucket ${of.bucket}, are not believed: the stream ${of.what}. This server keeps the ${of.count} that it knows and changes none. ` +
    "To go on with what NATS holds, stop the servers, move their last good copies away and start them; then put back what is missing with `weir policy import` of such a copy"
  );
}
