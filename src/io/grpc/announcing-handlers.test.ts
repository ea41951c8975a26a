import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { beforeEach, expect, test } from "vitest";
import { RegistryServiceService } from "../../gen/weir/v1/registry.ts";
import { announcing } from "./announcing-handlers.ts";
import { EnteringConnections } from "./entering-connections.ts";
import { FinishedCalls } from "./finished-calls.ts";

class FakeCall extends EventEmitter {
  readonly #peer: string;

  constructor(peer: string) {
    super();
    this.#peer = peer;
  }

  getPeer(): string {
    return this.#peer;
  }
}

const ANNA = "10.0.0.1:1";
const BERT = "10.0.0.1:2";

let served: string[];
let entering: EnteringConnections;

beforeEach(() => {
  served = [];
  entering = new EnteringConnections(() => 0);
  for (const remotePort of [1, 2]) {
    entering.came({ remoteAddress: "10.0.0.1", remotePort } as Socket);
  }
});

function serve(method: "attach" | "register", call: FakeCall): void {
  const handlers = {
    attach: (each: FakeCall) => void each.on("data", (text: string) => served.push(text)),
    register: () => void served.push("register"),
  };
  const service = announcing(RegistryServiceService, handlers, entering, new FinishedCalls());
  (service[method] as unknown as (each: FakeCall) => void)(call);
}

const isEntering = (peer: string) => entering.has(new FakeCall(peer));

test("a stream has said what it wants with its second message", () => {
  const call = new FakeCall(ANNA);
  serve("attach", call);
  call.emit("data", "hello");
  expect(isEntering(ANNA)).toBe(true);
  call.emit("data", "batch");
  expect(isEntering(ANNA)).toBe(false);
  expect(isEntering(BERT)).toBe(true);
  expect(served).toEqual(["hello", "batch"]);
});

test("from then on nobody listens but the handler", () => {
  const call = new FakeCall(ANNA);
  serve("attach", call);
  for (const text of ["hello", "batch"]) call.emit("data", text);
  expect(call.listenerCount("data")).toBe(1);
  const second = new FakeCall(ANNA);
  serve("attach", second);
  expect(second.listenerCount("data")).toBe(1);
});

test("a call with one request has said it at once", () => {
  serve("register", new FakeCall(BERT));
  expect(served).toEqual(["register"]);
  expect(isEntering(BERT)).toBe(false);
  expect(isEntering(ANNA)).toBe(true);
});
