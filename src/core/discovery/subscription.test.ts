import { expect, test } from "vitest";
import type { ServiceKey } from "../model/names.ts";
import { ServiceView } from "./service-view.ts";
import { Subscription, WatcherState } from "./subscription.ts";

test("a snapshot is acknowledged with its last chunk, not with its first", () => {
  const view = new ServiceView("default/orders" as ServiceKey, "default", "orders", 0);
  const subscription = new Subscription(new WatcherState("agent-1", true, 0), view);
  const sent = { type: "endpoints", version: 7, bytes: 100 } as const;
  subscription.sent({ ...sent, chunk: 0 }, 0);
  subscription.sent({ ...sent, chunk: 1 }, 0);
  subscription.sentVersion = 7;
  const ack = (chunk: number): void => {
    const nonce = { type: "endpoints", namespace: "default", service: "orders", version: 7, chunk };
    subscription.acked(
      { nonce: { ...nonce, type: "endpoints" }, rejected: [], digestMismatch: false, held: false },
      1,
    );
  };
  ack(0);
  expect(subscription.ackedVersion).toBe(-1);
  ack(1);
  expect(subscription.ackedVersion).toBe(7);
});
