import fc from "fast-check";
import { expect, test } from "vitest";
import {
  aRecord,
  aRemoval,
  areEqualSets,
  CopyWorld,
  listOf,
} from "../../../test/support/replication.ts";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import type { DeltaBatch } from "./messages.ts";
import { OriginLog } from "./origin-log.ts";
import { MAX_PARKED_BATCHES } from "./parked-batches.ts";

type Step =
  | { readonly kind: "put"; readonly id: number; readonly weight: number }
  | { readonly kind: "end"; readonly id: number }
  | { readonly kind: "flush" | "beat" | "pass" | "restart" | "corrupt" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("put" as const), id: fc.nat(12), weight: fc.nat(5) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("end" as const), id: fc.nat(12) }) },
  { weight: 6, arbitrary: fc.constant({ kind: "flush" as const }) },
  { weight: 2, arbitrary: fc.constantFrom({ kind: "beat" as const }, { kind: "pass" as const }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom({ kind: "restart" as const }, { kind: "corrupt" as const }),
  },
);

/** An origin that lives through `steps` over a channel that drops, repeats and reorders by seed. */
class LossyWorld {
  readonly world: CopyWorld;
  readonly #random: () => number;
  /** What each id is registered as; a process that ended never comes back. */
  readonly #lives = new Map<number, number>();
  readonly #late: DeltaBatch[] = [];
  #epoch = 1;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.world = new CopyWorld(new OriginLog({ replicaId: "a", epoch: 1 }), this.#random, 400);
  }

  take(step: Step): void {
    const { world } = this;
    if (step.kind === "put") world.log.append(aRecord(`i${step.id}`, this.#life(step)));
    else if (step.kind === "end") this.#end(step.id);
    else if (step.kind === "flush") this.#flush();
    else if (step.kind === "beat") this.#maybe(() => world.beat());
    else if (step.kind === "restart") this.#restart();
    else if (step.kind === "corrupt") world.remote.set?.drop("default/orders/i3");
    else world.nowMs += 150;
    this.#deliverLate(0.3);
    this.#answer(0.7);
    expect(world.remote.parkedCount).toBeLessThanOrEqual(MAX_PARKED_BATCHES);
  }

  /** Everything arrives from now on. */
  heal(): void {
    const { world } = this;
    this.#deliverLate(1);
    for (const batch of world.log.flush()) world.take(world.remote.batch(batch, world.nowMs));
    for (let i = 0; i < 30; i++) {
      world.beat();
      world.run(1_000);
    }
  }

  #life({ id, weight }: { id: number; weight: number }) {
    return { registrationId: `r${id}-${this.#lives.get(id) ?? 0}`, weight };
  }

  #end(id: number): void {
    const { registrationId } = this.#life({ id, weight: 0 });
    this.world.log.append(aRemoval(`i${id}`, registrationId));
    this.#lives.set(id, (this.#lives.get(id) ?? 0) + 1);
  }

  #flush(): void {
    for (const batch of this.world.log.flush()) {
      const fate = this.#random();
      if (fate < 0.3) continue;
      if (fate < 0.5) this.#late.push(batch);
      if (fate > 0.4) this.world.take(this.world.remote.batch(batch, this.world.nowMs));
      if (fate > 0.9) this.world.take(this.world.remote.batch(batch, this.world.nowMs));
    }
  }

  #restart(): void {
    const held = [...this.world.log.set.entries()];
    this.world.log = new OriginLog({ replicaId: "a", epoch: ++this.#epoch });
    for (const entry of held) if (this.#random() < 0.5) this.world.log.append(entry);
    this.#flush();
  }

  #deliverLate(share: number): void {
    for (const batch of this.#late.splice(0).toReversed()) {
      if (this.#random() < share) this.world.take(this.world.remote.batch(batch, this.world.nowMs));
      else this.#late.push(batch);
    }
  }

  /** A share of the requests is answered, in any order; the rest is lost. */
  #answer(share: number): void {
    const { world } = this;
    world.take(world.remote.tick(world.nowMs));
    for (const effect of world.sent.splice(0)) {
      if (this.#random() > share) continue;
      world.take(world.remote.pullReply(world.answerTo(effect), world.nowMs));
    }
  }

  #maybe(arrive: () => void): void {
    if (this.#random() < 0.7) arrive();
  }
}

test("a copy ends equal to its origin, whatever the channel did", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.nat(), (steps, seed) => {
      const lossy = new LossyWorld(seed);
      for (const one of steps) lossy.take(one);
      lossy.heal();
      const { log, remote } = lossy.world;
      expect(listOf(remote.set)).toEqual(listOf(log.set));
      expect(areEqualSets(log.set, remote.set)).toBe(true);
      expect(remote.parkedCount).toBe(0);
      expect(remote.isSynced).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test("who listens to changes knows the set, and is told of no process again that left", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.nat(), (steps, seed) => {
      const lossy = new LossyWorld(seed);
      for (const one of steps) lossy.take(one);
      lossy.heal();
      const told = new Map<string, string>();
      const fenced = new Set<string>();
      for (const { upserts, removals, fences, orphans } of lossy.world.changes) {
        for (const { entry } of removals) told.delete(entry.key);
        for (const { key } of orphans) told.delete(key);
        for (const { key, record, hashHigh, hashLow } of upserts) {
          expect(fenced).not.toContain(`${key}/${record.instance.registrationId}`);
          told.set(key, `${key} ${hashHigh} ${hashLow}`);
        }
        for (const { serviceKey, instanceId, registrationId } of fences) {
          fenced.add(`${serviceKey}/${instanceId}/${registrationId}`);
        }
      }
      // What a test broke behind the listener's back was not told.
      if (steps.some(({ kind }) => kind === "corrupt")) return;
      expect([...told.values()].sort()).toEqual(listOf(lossy.world.remote.set));
    }),
    { numRuns: 300 },
  );
});

test("a new epoch that is being loaded empties nothing", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(), (steps, seed) => {
      const lossy = new LossyWorld(seed);
      lossy.world.write([aRecord("always")]);
      for (const one of steps) {
        lossy.take(one);
        const { remote, log, changes } = lossy.world;
        const isOld = remote.origin.epoch !== 0 && remote.origin.epoch < log.origin.epoch;
        const isOrphan = changes.some(({ orphans }) =>
          orphans.some(({ instanceId }) => instanceId === "always"),
        );
        const isHeld = remote.set?.get("default/orders/always") !== undefined;
        if (isOld && !isOrphan) expect(isHeld).toBe(true);
        for (const { removals } of changes) {
          expect(removals.map(({ entry }) => entry.instanceId)).not.toContain("always");
        }
      }
    }),
    { numRuns: 200 },
  );
});
