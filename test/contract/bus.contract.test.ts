import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BusRequestError } from "../../src/core/replication/bus-request-error.ts";
import { ClusterSubjects } from "../../src/core/replication/subjects.ts";
import type { Bus, BusChange, BusMessage } from "../../src/ports/bus.ts";
import { BUS_WORLDS, type BusWorld, LIMIT_MS } from "../support/bus-worlds.ts";

const subjects = new ClusterSubjects("contract");

const text = (payload: Uint8Array): string => Buffer.from(payload).toString();
const bytes = (content: string): Uint8Array => Buffer.from(content);

for (const { name, start, isHere } of BUS_WORLDS)
  describe.skipIf(!isHere)(`a bus over ${name}`, () => {
    let world: BusWorld;
    beforeEach(async () => {
      world = await start();
    }, LIMIT_MS);
    afterEach(() => world.end(), LIMIT_MS);

    async function joined(...names: string[]): Promise<Bus[]> {
      const buses = names.map((name) => world.join(name));
      await world.until("all are connected", () => buses.every(({ state }) => state.isConnected));
      return buses;
    }

    async function pair(): Promise<[Bus, Bus]> {
      const [a, b] = await joined("a", "b");
      if (a === undefined || b === undefined) throw new Error("no pair");
      return [a, b];
    }

    /** What arrives, as text. */
    function heard(bus: Bus, pattern: string): string[] {
      const got: string[] = [];
      bus.subscribe(pattern, ({ payload }) => got.push(text(payload)));
      return got;
    }

    /** Published until one of it arrives: a subscription is made without waiting. */
    async function reaches(from: Bus, subject: string, got: readonly string[]): Promise<void> {
      await world.until("the subscription stands", () => {
        if (got.length === 0) from.publish(subject, bytes("probe"));
        return got.length > 0;
      });
    }

    /** How a request failed. */
    async function failure(request: Promise<Uint8Array>): Promise<string> {
      let reason: string | undefined;
      request.then(
        (answer) => {
          reason = `answered ${text(answer)}`;
        },
        (error: unknown) => {
          reason = error instanceof BusRequestError ? error.reason : String(error);
        },
      );
      await world.until("the request ends", () => reason !== undefined);
      return reason ?? "";
    }

    test("begins disconnected, sends nothing then, and tells when it is connected", async () => {
      const bus = world.join("a");
      const changes: BusChange[] = [];
      bus.onState((change) => changes.push(change));
      expect(bus.state).toMatchObject({ isConnected: false, server: "", rttMs: undefined });
      expect(bus.publish("x.y", bytes("early"))).toBe(false);
      expect(await failure(bus.request("x.y", bytes("early"), 1_000))).toBe("disconnected");
      await world.until("it is connected", () => bus.state.isConnected);
      expect(changes.map(({ kind }) => kind)).toEqual(["connected"]);
      expect(bus.state).toMatchObject({
        maxPayloadBytes: 4096,
        reconnectCount: 0,
        droppedCount: 2,
        lastProblem: undefined,
      });
    });

    test("what others publish arrives in order, with all of its bytes, and never one's own", async () => {
      const [a, b] = await pair();
      const subject = subjects.of("delta", "a@1");
      const own = heard(a, subjects.all("delta"));
      const others = heard(b, subjects.all("delta"));
      const elsewhere = heard(b, subjects.all("hb"));
      await reaches(a, subject, others);
      others.length = 0;
      const sent = Array.from({ length: 500 }, (_, i) => `${i}\r\nPUB ${subject} 0\r\n`);
      for (const payload of ["", ...sent]) expect(a.publish(subject, bytes(payload))).toBe(true);
      await world.until("all arrived", () => others.at(-1) === sent.at(-1));
      expect(others.filter((payload) => payload !== "probe")).toEqual(["", ...sent]);
      expect(own).toEqual([]);
      expect(elsewhere).toEqual([]);
    });

    test("a subscription that stands when the bus connects misses nothing from then on", async () => {
      const [a] = await joined("a");
      const b = world.join("b");
      const got: string[] = [];
      b.subscribe("x.>", ({ payload }) => got.push(text(payload)));
      await new Promise<void>((resolve, reject) => {
        b.onState(({ kind }) => {
          if (kind === "connected" && a?.publish("x.y.z", bytes("at once")) === true) resolve();
        });
        world.until("the message arrives", () => got.length > 0).catch(reject);
      });
      await world.until("the message arrives", () => got.length > 0);
      expect(got).toEqual(["at once"]);
    });

    test("a request gets the reply of who listens", async () => {
      const [a, b] = await pair();
      b.subscribe("x.ask", (message) => message.reply(bytes(`${text(message.payload)}!`)));
      // Its own listener is no one to ask.
      a.subscribe("x.ask", (message) => message.reply(bytes("mine")));
      let answer: string | undefined;
      await world.until("somebody listens and answers", () => {
        a.request("x.ask", bytes("who"), 5_000).then(
          (payload) => {
            answer = text(payload);
          },
          () => undefined,
        );
        return answer !== undefined;
      });
      expect(answer).toBe("who!");
    });

    test("tells that nobody listens apart from that nobody answers", async () => {
      const [a, b] = await pair();
      a.subscribe("x.ask", (message) => message.reply(bytes("mine")));
      expect(await failure(a.request("x.ask", bytes(""), 600_000))).toBe("no-responders");
      const asked = heard(b, "x.silent");
      await reaches(a, "x.silent", asked);
      expect(await failure(a.request("x.silent", bytes(""), 20))).toBe("timeout");
    });

    test("an answer to what was no request goes nowhere", async () => {
      const [a, b] = await pair();
      const replies: boolean[] = [];
      b.subscribe("x.y", (message) => replies.push(message.reply(bytes("what?"))));
      await world.until("it is heard", () => {
        a.publish("x.y", bytes("statement"));
        return replies.length > 0;
      });
      expect(replies[0]).toBe(false);
      expect(b.state.droppedCount).toBeGreaterThan(0);
    });

    test("refuses and counts what is too large, or no subject", async () => {
      const [a] = await joined("a");
      if (a === undefined) throw new Error("no bus");
      expect(a.publish("x.y", new Uint8Array(4096))).toBe(true);
      expect(a.publish("x.y", new Uint8Array(4097))).toBe(false);
      expect(await failure(a.request("x.y", new Uint8Array(4097), 1_000))).toBe("too-large");
      expect(a.publish("x.*", bytes(""))).toBe(false);
      expect(a.publish("x y\r\nPUB z 0", bytes(""))).toBe(false);
      expect(a.state).toMatchObject({ isConnected: true, droppedCount: 4 });
    });

    test("a listener that throws harms nobody", async () => {
      const [a, b] = await pair();
      b.subscribe("x.y", () => {
        throw new Error("planted");
      });
      b.onState(() => {
        throw new Error("planted");
      });
      const got = heard(b, "x.y");
      await reaches(a, "x.y", got);
      const before = b.state.listenerErrorCount;
      expect(before).toBeGreaterThan(0);
      expect(a.publish("x.y", bytes("after"))).toBe(true);
      await world.until("the next one arrives", () => got.includes("after"));
      expect(b.state.listenerErrorCount).toBeGreaterThan(before);
    });

    test("a subscription that is closed hears nothing", async () => {
      const [a, b] = await pair();
      const closed: string[] = [];
      const subscription = b.subscribe("x.y", ({ payload }) => closed.push(text(payload)));
      const open = heard(b, "x.y");
      await reaches(a, "x.y", open);
      subscription.close();
      closed.length = 0;
      a.publish("x.y", bytes("last"));
      await world.until("the other one hears it", () => open.includes("last"));
      expect(closed).toEqual([]);
    });

    test("an outage loses what is sent in it, says so, and subscriptions outlive it", async () => {
      const [a, b] = await pair();
      const got = heard(b, "x.y");
      await reaches(a, "x.y", got);
      const changes: string[] = [];
      b.onState(({ kind }) => changes.push(kind));
      const pending = failure(a.request("x.y", bytes("under way"), 600_000));
      await world.outage();
      await world.until("both notice", () => !a.state.isConnected && !b.state.isConnected);
      expect(await pending).toBe("disconnected");
      expect(a.state.lastProblem?.kind).toBe("unreachable");
      expect(a.publish("x.y", bytes("lost"))).toBe(false);
      expect(await failure(a.request("x.y", bytes(""), 600_000))).toBe("disconnected");
      expect(a.state).toMatchObject({ rttMs: undefined, maxPayloadBytes: 4096 });
      await world.restore();
      await world.until("both are back", () => a.state.isConnected && b.state.isConnected);
      expect(changes.filter((kind) => kind !== "problem")).toEqual(["disconnected", "connected"]);
      expect(a.publish("x.y", bytes("after"))).toBe(true);
      await world.until("messages arrive again", () => got.includes("after"));
      expect(got).not.toContain("lost");
      expect(a.state.reconnectCount).toBe(1);
    });

    test("closed, it hears, tells and sends nothing", async () => {
      const [a, b] = await pair();
      const got: string[] = [];
      const listen = ({ payload }: BusMessage): number => got.push(text(payload));
      b.subscribe("x.y", listen);
      const changes: string[] = [];
      b.onState(({ kind }) => changes.push(kind));
      const witness = heard(world.join("c"), "x.y");
      await reaches(a, "x.y", witness);
      await Promise.all([b.close(), b.close()]);
      got.length = 0;
      a.publish("x.y", bytes("last"));
      await world.until("the witness hears it", () => witness.includes("last"));
      expect(b.publish("x.y", bytes(""))).toBe(false);
      expect(await failure(b.request("x.y", bytes(""), 1_000))).toBe("disconnected");
      expect({ got, changes }).toEqual({ got: [], changes: [] });
      expect(b.state.isConnected).toBe(false);
    });
  });
