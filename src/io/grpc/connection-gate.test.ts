import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { beforeEach, expect, test } from "vitest";
import { ConnectionGate, MAX_OPENED_A_TURN, MAX_WAITING, PATIENCE_MS } from "./connection-gate.ts";

class FakeSocket extends EventEmitter {
  readonly id: number;
  destroyed = false;

  constructor(id: number) {
    super();
    this.id = id;
  }

  destroy(): void {
    this.destroyed = true;
  }
}

let nowMs: number;
let turns: (() => void)[];
let opened: number[];
let sockets: FakeSocket[];
let gate: ConnectionGate;

beforeEach(() => {
  nowMs = 0;
  turns = [];
  opened = [];
  sockets = [];
  gate = new ConnectionGate({
    open: (socket) => void opened.push((socket as unknown as FakeSocket).id),
    nowMs: () => nowMs,
    nextTurn: (task) => void turns.push(task),
  });
});

function come(count: number): void {
  for (let i = 0; i < count; i++) {
    const socket = new FakeSocket(sockets.length);
    sockets.push(socket);
    gate.admit(socket as unknown as Socket);
  }
}

function turn(): void {
  for (const task of turns.splice(0)) task();
}

const cutOff = () => sockets.filter(({ destroyed }) => destroyed).map(({ id }) => id);

test("few connections are let in at once", () => {
  come(3);
  expect(opened).toEqual([0, 1, 2]);
  turn();
  expect(turns).toEqual([]);
});

test("of many, a few are let in each turn, and who came last goes first", () => {
  come(3 * MAX_OPENED_A_TURN);
  expect(opened).toHaveLength(MAX_OPENED_A_TURN);
  turn();
  expect(opened).toHaveLength(2 * MAX_OPENED_A_TURN);
  expect(opened[MAX_OPENED_A_TURN]).toBe(3 * MAX_OPENED_A_TURN - 1);
  // A newcomer does not go past those that wait without a turn.
  come(1);
  expect(gate.waitingCount).toBe(MAX_OPENED_A_TURN + 1);
  turn();
  turn();
  expect(opened).toHaveLength(3 * MAX_OPENED_A_TURN + 1);
  expect(new Set(opened).size).toBe(opened.length);
  expect(cutOff()).toEqual([]);
});

test("who has waited longer than clients do is cut off", () => {
  come(2 * MAX_OPENED_A_TURN);
  nowMs = PATIENCE_MS;
  come(1);
  turn();
  expect(opened.at(-1)).toBe(2 * MAX_OPENED_A_TURN);
  expect(cutOff()).toEqual(
    Array.from({ length: MAX_OPENED_A_TURN }, (_, i) => MAX_OPENED_A_TURN + i),
  );
  expect(gate.waitingCount).toBe(0);
});

test("who left while waiting costs nothing, and his error ends nothing", () => {
  come(MAX_OPENED_A_TURN + 2);
  sockets.at(-1)?.emit("error", new Error("ECONNRESET"));
  sockets.at(-1)?.destroy();
  turn();
  expect(opened).toHaveLength(MAX_OPENED_A_TURN + 1);
});

test("too many cost the oldest their place", () => {
  come(MAX_OPENED_A_TURN + MAX_WAITING + 1);
  expect(gate.waitingCount).toBe(MAX_WAITING);
  expect(cutOff()).toEqual([MAX_OPENED_A_TURN]);
});

test("a closed gate cuts off who waits and who comes", () => {
  come(MAX_OPENED_A_TURN + 1);
  gate.close();
  come(1);
  turn();
  expect(opened).toHaveLength(MAX_OPENED_A_TURN);
  expect(cutOff()).toEqual([MAX_OPENED_A_TURN, MAX_OPENED_A_TURN + 1]);
});
