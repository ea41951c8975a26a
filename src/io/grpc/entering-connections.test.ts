import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { ENTERING_MS, EnteringConnections, MAX_ENTERING } from "./entering-connections.ts";

const from = (remotePort: number) => ({ remoteAddress: "10.0.0.1", remotePort }) as Socket;

test("a port that is used again hides nobody who has been silent for longer", () => {
  let nowMs = 0;
  const entering = new EnteringConnections(() => nowMs);
  for (let port = 0; port < MAX_ENTERING; port++) entering.came(from(port));
  expect(entering.isFull).toBe(true);
  nowMs = ENTERING_MS - 1;
  entering.came(from(0));
  nowMs = ENTERING_MS;
  expect(entering.isFull).toBe(false);
  const has = (port: number) => entering.has({ getPeer: () => `10.0.0.1:${port}` });
  expect([has(0), has(1)]).toEqual([true, false]);
});

test("a connection that is gone already takes no place", () => {
  const entering = new EnteringConnections(() => 0);
  for (let i = 0; i < MAX_ENTERING; i++) entering.came({ remotePort: i } as Socket);
  expect(entering.isFull).toBe(false);
});
