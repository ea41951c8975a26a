import type { ControlPlane } from "../../src/apps/control-plane/start.ts";
import { ClusterSubjects } from "../../src/core/replication/subjects.ts";
import { ReplicationWire } from "../../src/io/wire/replication.ts";
import { aControlPlane } from "./control-plane.ts";
import { FakeBusNetwork } from "./fake-bus-network.ts";
import { FakeClock } from "./fake-clock.ts";
import { seededRandom } from "./seeded-random.ts";

/** Replicas as they ship, with their real messages, on one fake network. */
export class FakeCluster {
  readonly clock = new FakeClock();
  readonly network = new FakeBusNetwork({ clock: this.clock, random: seededRandom(1) });
  /** Where nobody listens any more, `HOST:PORT`; everywhere else somebody does. */
  readonly refused = new Set<string>();
  /** Why replicas ended. */
  readonly fenced: string[] = [];

  /** @param node its place in the network, for a process that has another one's id. */
  replica(replicaId: string, node = replicaId): ControlPlane {
    return aControlPlane(this.clock, {
      replicaId,
      fenced: (reason) => void this.fenced.push(reason),
      cluster: {
        bus: this.network.join(node),
        codec: new ReplicationWire("test"),
        subjects: new ClusterSubjects("test"),
        address: `${replicaId}:7400`,
        random: seededRandom(2),
        prober: {
          probe: async ({ host, port }) =>
            this.refused.has(`${host}:${port}`)
              ? { ok: false, detail: "refused", isRefused: true }
              : { ok: true, detail: "" },
        },
      },
    });
  }

  /** Lets time pass, with what requests answer in between. @param stepMs coarse steps for hours */
  async pass(ms: number, stepMs = 10): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.clock.advance(stepMs);
      for (let i = 0; i < 20; i++) await null;
    }
  }
}
