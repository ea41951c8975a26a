/**
 * What is true of registrations, as those know who make them: not what any server says.
 *
 * - `starting`: its registration was sent; it may be seen.
 * - `live`: a server confirmed it; everybody has to see it soon, and nobody may lose it.
 * - `leaving`: its end was asked for, or another process asked for its id; it may be seen, or not.
 * - `gone`: its end was confirmed, or its successor was; soon nobody may see it.
 */
export type Phase = "starting" | "live" | "leaving" | "gone";

/** One process of an instance. */
export interface TrueRegistration {
  readonly service: string;
  readonly id: string;
  readonly registrationId: string;
}

interface Known extends TrueRegistration {
  phase: Phase;
}

/** One id of a service, and who claims it. */
interface Claim {
  /** Those that are not gone, the newest last. */
  holders: Known[];
  changedAtMs: number;
}

/** What somebody sees of one instance compared with the truth. */
export type Verdict = "right" | "lost" | "zombie";

/** Who is registered: the model that every list in the mesh is compared with. */
export class MeshTruth {
  readonly #nowMs: () => number;
  readonly #known = new Map<string, Known>();
  readonly #claims = new Map<string, Claim>();
  readonly #keysOfService = new Map<string, Set<string>>();

  /** @param nowMs any clock that never goes back. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** A registration is about to be sent. Whoever holds the id is about to be superseded. */
  starting(registration: TrueRegistration): void {
    const known: Known = { ...registration, phase: "starting" };
    const key = keyOf(registration);
    const claim = this.#claims.get(key) ?? { holders: [], changedAtMs: 0 };
    for (const holder of claim.holders) holder.phase = "leaving";
    claim.holders.push(known);
    this.#known.set(known.registrationId, known);
    this.#claims.set(key, claim);
    const keys = this.#keysOfService.get(known.service) ?? new Set();
    this.#keysOfService.set(known.service, keys.add(key));
    this.touched(registration);
  }

  /** A server confirmed it. @returns those that it superseded. */
  live(registrationId: string): TrueRegistration[] {
    const known = this.#known.get(registrationId);
    // One that is leaving already stays so: its end was asked for while its start was under way.
    if (known === undefined || known.phase !== "starting") return [];
    known.phase = "live";
    const claim = this.#claims.get(keyOf(known));
    const superseded = claim?.holders.filter((holder) => holder !== known) ?? [];
    for (const holder of superseded) holder.phase = "gone";
    if (claim !== undefined) claim.holders = [known];
    this.touched(known);
    return superseded;
  }

  /** Its end is about to be asked for. */
  leaving(registrationId: string): void {
    const known = this.#known.get(registrationId);
    if (known === undefined || known.phase === "gone") return;
    known.phase = "leaving";
    this.touched(known);
  }

  /** A server confirmed its end. */
  gone(registrationId: string): void {
    const known = this.#known.get(registrationId);
    if (known === undefined) return;
    known.phase = "gone";
    const claim = this.#claims.get(keyOf(known));
    if (claim !== undefined) claim.holders = claim.holders.filter((holder) => holder !== known);
    this.touched(known);
  }

  /** Something else of it is about to change: its health, its drain. */
  touched(registration: Pick<TrueRegistration, "service" | "id">): void {
    const claim = this.#claims.get(keyOf(registration));
    if (claim !== undefined) claim.changedAtMs = this.#nowMs();
  }

  phaseOf(registrationId: string): Phase | undefined {
    return this.#known.get(registrationId)?.phase;
  }

  /** Whether something changed there within the last `withinMs`, so that lists may differ. */
  isRecent(key: string, withinMs: number): boolean {
    const claim = this.#claims.get(key);
    return claim !== undefined && this.#nowMs() - claim.changedAtMs < withinMs;
  }

  /** All that were live once and may be seen, `SERVICE/ID`. */
  keysOf(service: string): ReadonlySet<string> {
    return this.#keysOfService.get(service) ?? new Set();
  }

  services(): Iterable<string> {
    return this.#keysOfService.keys();
  }

  /** Registrations that are live and nothing else. */
  liveOf(service: string): TrueRegistration[] {
    return [...this.keysOf(service)].flatMap(
      (key) => this.#claims.get(key)?.holders.filter(({ phase }) => phase === "live") ?? [],
    );
  }

  /** Asked to end and never confirmed: they vanish with their lease, or when their successor is seen. */
  unconfirmed(): TrueRegistration[] {
    return [...this.#claims.values()].flatMap(({ holders }) =>
      holders.filter(({ phase }) => phase === "leaving"),
    );
  }

  /** @param seen the registration that is seen under that id, if any. */
  judge(key: string, seen: string | undefined): Verdict {
    const holders = this.#claims.get(key)?.holders ?? [];
    if (seen !== undefined) {
      return holders.some(({ registrationId }) => registrationId === seen) ? "right" : "zombie";
    }
    return holders.some(({ phase }) => phase === "live") ? "lost" : "right";
  }
}

/** `SERVICE/ID` */
export function keyOf({ service, id }: Pick<TrueRegistration, "service" | "id">): string {
  return `${service}/${id}`;
}
