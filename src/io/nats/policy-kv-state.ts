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

/** A stream, and how far it is. */
interface StreamAt {
  readonly createdMs: number;
  readonly lastRevision: number;
}

/** `""` when the stream that was found is the one that is known here, and not behind it. */
export function replacedAlarm(of: {
  readonly bucket: string;
  readonly known: StreamAt;
  readonly found: StreamAt;
  /** How many policies are known here. */
  readonly count: number;
}): string {
  const { known, found } = of;
  if (known.lastRevision === 0) return "";
  const isOther = found.createdMs !== known.createdMs;
  if (!isOther && found.lastRevision >= known.lastRevision) return "";
  const what = isOther
    ? "was made anew"
    : `is at revision ${found.lastRevision}, behind ${known.lastRevision} which is known here`;
  return (
    `the policies in NATS, bucket ${of.bucket}, are not believed: the stream ${what}. This server keeps the ${of.count} that it knows and changes none. ` +
    "To go on with what NATS holds, stop the servers, move their last good copies away and start them; then put back what is missing with `weir policy import` of such a copy"
  );
}
