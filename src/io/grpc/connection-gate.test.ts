import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { beforeEach, expect, test } from "vitest";
import { MAX_CLEANED_A_TURN } from "./broken-connections.ts";
import { ConnectionGate, MAX_OPENED_A_TURN, MAX_WAITING, PATIENCE_MS } from "./connection-gate.ts";
import { ENTERING_MS, EnteringConnections, MAX_ENTERING } from "./entering-connections.ts";

class FakeSocket extends EventEmitter {
  readonly id: number;
  readonly remoteAddress = "10.0.0.1";
  destroyed = false;
  wasReset = false;

  constructor(id: number) {
    super();
    this.id = id;
  }

  get remotePort(): number {
    return this.id;
  }

  destroy(_error?: Error): void {
    this.destroyed = true;
  }

  resetAndDestroy(): void {
    this.wasReset = true;
    this.destroyed = true;
  }
}

let nowMs: number;
let turns: (() => void)[];
let pauses: (() => void)[];
let entering: EnteringConnections;
let opened: number[];
let sockets: FakeSocket[];
let gate: ConnectionGate;

beforeEach(() => {
  nowMs = 0;
  turns = [];
  pauses = [];
  entering = new EnteringConnections(() => nowMs);
  opened = [];
  sockets = [];
  gate = new ConnectionGate({
    open: (socket) => void opened.push((socket as unknown as FakeSocket).id),
    entering,
    nowMs: () => nowMs,
    nextTurn: (task) => void turns.push(task),
    later: (task) => void pauses.push(task),
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

function pause(): void {
  for (const task of pauses.splice(0)) task();
}

/** As a client's first request arrives. */
function speak(id: number): void {
  entering.entered({ getPeer: () => `10.0.0.1:${id}` });
}

/** As Node tells of a connection that was reset. */
function breakOff(socket: FakeSocket | undefined): void {
  socket?.destroy(Object.assign(new Error("read ECONNRESET"), { syscall: "read" }));
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

test("who has waited longer than clients do is cut off by a reset", () => {
  come(2 * MAX_OPENED_A_TURN);
  nowMs = PATIENCE_MS;
  come(1);
  turn();
  expect(opened.at(-1)).toBe(2 * MAX_OPENED_A_TURN);
  expect(cutOff()).toEqual(
    Array.from({ length: MAX_OPENED_A_TURN }, (_, i) => MAX_OPENED_A_TURN + i),
  );
  expect(sockets.filter(({ wasReset }) => wasReset)).toHaveLength(MAX_OPENED_A_TURN);
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

test("while many were let in and have not spoken, nobody else is", () => {
  come(MAX_ENTERING + 2);
  while (turns.length > 0) turn();
  expect(opened).toHaveLength(MAX_ENTERING);
  pause();
  expect(opened).toHaveLength(MAX_ENTERING);
  speak(0);
  pause();
  expect(opened).toHaveLength(MAX_ENTERING + 1);
  // A second request on the same connection makes no room.
  speak(0);
  pause();
  expect(opened).toHaveLength(MAX_ENTERING + 1);
});

test("who says nothing keeps others out for a while only", () => {
  come(MAX_ENTERING);
  while (turns.length > 0) turn();
  nowMs = ENTERING_MS - 1;
  come(1);
  turn();
  expect(opened).toHaveLength(MAX_ENTERING);
  nowMs = ENTERING_MS;
  pause();
  expect(opened).toHaveLength(MAX_ENTERING + 1);
});

test("of many that break at once, a few are cleaned up each turn, in order, and before anybody is let in", () => {
  const count = MAX_CLEANED_A_TURN + 1;
  for (let i = 0; i < count; i++) {
    come(1);
    turn();
  }
  for (const socket of sockets) breakOff(socket);
  come(1);
  expect(cutOff()).toEqual([]);
  turn();
  expect(cutOff()).toEqual(Array.from({ length: MAX_CLEANED_A_TURN }, (_, i) => i));
  expect(opened).toHaveLength(count);
  turn();
  expect(cutOff()).toHaveLength(count);
  expect(opened).toHaveLength(count + 1);
  turn();
  expect(turns).toEqual([]);
});

test("a connection that this side ends is gone at once, also while it waits to be cleaned up", () => {
  come(2);
  turn();
  sockets[0]?.destroy();
  expect(cutOff()).toEqual([0]);
  breakOff(sockets[1]);
  expect(cutOff()).toEqual([0]);
  sockets[1]?.destroy();
  expect(cutOff()).toEqual([0, 1]);
});
