import { setImmediate as turn } from "node:timers/promises";
import {
  status as Code,
  Metadata,
  connectivityState as State,
  type StatusObject,
} from "@grpc/grpc-js";
import { expect, test } from "vitest";
import type { ChannelEndpoint, ChannelService } from "../../ports/channel-balancing.ts";
import { MeshCall, outcomeOf } from "./mesh-call.ts";

type Subchannel = MeshCall["subchannel"];
type CallListener = Parameters<ReturnType<Subchannel["getRealSubchannel"]>["createCall"]>[3];

/** An endpoint that writes down what it is told, and a connection to it that the test plays. */
class Stage {
  readonly told: string[] = [];
  isLeaving = false;
  nowMs = 100;
  listener: CallListener | undefined;

  call(): MeshCall {
    const stage = this;
    const endpoint: ChannelEndpoint = {
      id: "a",
      address: { kind: "ip", value: "127.0.0.1" },
      port: 80,
      isWanted: true,
      get isLeaving() {
        return stage.isLeaving;
      },
      begin: () => {
        this.told.push("begin");
        return this.nowMs;
      },
      end: (outcome, beganAtMs, respondedAtMs) => {
        this.told.push(`${outcome} ${beganAtMs} ${respondedAtMs}`);
      },
    };
    const service = { nowMs: () => this.nowMs } satisfies Partial<ChannelService>;
    const real = {
      createCall: (_metadata: Metadata, _host: string, _method: string, listener: CallListener) => {
        this.listener = listener;
      },
    };
    const subchannel = {
      getConnectivityState: () => State.READY,
      getRealSubchannel: () => real,
    };
    return new MeshCall(
      service as unknown as ChannelService,
      endpoint,
      subchannel as unknown as Subchannel,
      false,
    );
  }

  /** What gRPC does with a picked call when its credentials are there. */
  start(call: MeshCall): void {
    const listener = {
      onReceiveMetadata: () => this.told.push("headers"),
      onReceiveMessage: () => this.told.push("message"),
      onReceiveStatus: () => this.told.push("status"),
    };
    call.subchannel.getRealSubchannel().createCall(new Metadata(), "h", "m", listener, 1);
    call.onCallStarted();
  }
}

test.each([
  [Code.OK, "success"],
  [Code.NOT_FOUND, "success"],
  [Code.INVALID_ARGUMENT, "success"],
  [Code.UNAUTHENTICATED, "success"],
  [Code.RESOURCE_EXHAUSTED, "success"],
  [Code.UNKNOWN, "failure"],
  [Code.DEADLINE_EXCEEDED, "failure"],
  [Code.UNIMPLEMENTED, "failure"],
  [Code.INTERNAL, "failure"],
  [Code.UNAVAILABLE, "failure"],
  [Code.DATA_LOSS, "failure"],
  [Code.CANCELLED, "cancelled"],
] as const)("status %i is a %s of the endpoint", (code, outcome) => {
  expect(outcomeOf(code)).toBe(outcome);
});

test("a call counts from its pick to its end, once", async () => {
  const stage = new Stage();
  const call = stage.call();
  expect(stage.told).toEqual(["begin"]);
  stage.start(call);
  await turn();
  stage.nowMs = 130;
  call.onCallEnded(Code.OK);
  call.onCallEnded(Code.UNAVAILABLE);
  expect(stage.told).toEqual(["begin", "success 100 undefined"]);
});

test("a pick that never starts counts until the turn is over", async () => {
  const stage = new Stage();
  stage.call();
  stage.call();
  await turn();
  expect(stage.told).toEqual([
    "begin",
    "begin",
    "cancelled 100 undefined",
    "cancelled 100 undefined",
  ]);
});

test("a call that starts later counts again from then on", async () => {
  const stage = new Stage();
  const call = stage.call();
  await turn();
  stage.nowMs = 200;
  stage.start(call);
  call.onCallEnded(Code.CANCELLED);
  expect(stage.told).toEqual([
    "begin",
    "cancelled 100 undefined",
    "begin",
    "cancelled 200 undefined",
  ]);
});

test("the first sign of an answer is when its headers come", () => {
  const stage = new Stage();
  const call = stage.call();
  stage.start(call);
  stage.nowMs = 105;
  stage.listener?.onReceiveMetadata(new Metadata());
  stage.nowMs = 7_200_000;
  stage.listener?.onReceiveMessage("x");
  call.onCallEnded(Code.OK);
  expect(stage.told).toEqual(["begin", "headers", "message", "success 100 105"]);
});

test("the connection's own end of a call counts when gRPC forgets to say so", () => {
  const stage = new Stage();
  stage.start(stage.call());
  const status: StatusObject = {
    code: Code.UNAVAILABLE,
    details: "",
    metadata: new Metadata(),
  };
  stage.listener?.onReceiveStatus(status);
  expect(stage.told).toEqual(["begin", "failure 100 undefined", "status"]);
});

test("an endpoint that is leaving looks unconnected to a call that has not begun", () => {
  const stage = new Stage();
  const { subchannel } = stage.call();
  expect(subchannel.getConnectivityState()).toBe(State.READY);
  stage.isLeaving = true;
  expect(subchannel.getConnectivityState()).toBe(State.IDLE);
});
