import type { ClusterOptions } from "../../src/apps/control-plane/replication/cluster.ts";
import type { ControlPlane } from "../../src/apps/control-plane/start.ts";
import { ClusterSubjects } from "../../src/core/replication/subjects.ts";
import { ReplicationWire } from "../../src/io/wire/replication.ts";
import { aControlPlane } from "./control-plane.ts";
import { FakeBusNetwork } from "./fake-bus-network.ts";
import { FakeClock } from "./fake-clock.ts";
import { seededRandom } from "./seeded-random.ts";

/** Replicas as they ship, with their real messages, on one fake network and one clock. */
export class ReplicaPair {
  readonly clock = new FakeClock();
  readonly network = new FakeBusNetwork({ clock: this.clock, random: seededRandom(1) });

  start(replicaId: string): ControlPlane {
    return aControlPlane(this.clock, { replicaId, cluster: this.join(replicaId) });
  }

  /** What a replica needs to speak to the others. */
  join(replicaId: string): ClusterOptions {
    return {
      bus: this.network.join(replicaId),
      codec: new ReplicationWire("test"),
      subjects: new ClusterSubjects("test"),
      address: `${replicaId}:7400`,
      random: seededRandom(2),
    };
  }

  /** Lets time pass in steps that messages can follow. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10) {
      this.clock.advance(10);
      for (let i = 0; i < 20; i++) await null;
    }
  }
}
