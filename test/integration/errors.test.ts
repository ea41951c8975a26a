import { once } from "node:events";
import { expect, test } from "vitest";
import { MeshError } from "../../src/core/model/mesh-error.ts";
import {
  DiscoveryServiceClient,
  DiscoveryServiceService,
  type ResolveRequest,
  type ResolveResponse,
  type WatchRequest,
  type WatchResponse,
} from "../../src/gen/weir/v1/discovery.ts";
import {
  type CallContext,
  duplex,
  type OutgoingStream,
  type StreamListener,
  unary,
} from "../../src/io/grpc/handler.ts";
import { fromServiceError } from "../../src/io/grpc/status.ts";
import { connectForTest, serveForTest } from "../support/grpc-test-server.ts";

const REQUEST: ResolveRequest = { namespace: "", service: "orders", metadata: new Map() };
const RESPONSE: ResolveResponse = {
  service: undefined,
  endpoints: [],
  epoch: 1n,
  version: 2n,
  digest: undefined,
  settled: true,
};
const HEARTBEAT: WatchRequest = { message: { $case: "heartbeat", value: { sequence: 1n } } };
const PULSE: WatchResponse = { message: { $case: "heartbeat", value: { sequence: 2n } } };

type Resolve = (
  request: ResolveRequest,
  context: CallContext,
) => ResolveResponse | Promise<ResolveResponse>;
type Open = (
  stream: OutgoingStream<WatchResponse>,
  context: CallContext,
) => StreamListener<WatchRequest>;

const idle: Open = () => ({ message: () => undefined });

/** A promise that somebody else resolves. */
function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** A server with these handlers, a client of it, and what the operator was told. */
async function start(resolve: Resolve, open: Open = idle) {
  const unexpected: string[] = [];
  const tell = (error: unknown, path: string) => unexpected.push(`${path}: ${error}`);
  const handlers = { resolve: unary(resolve, tell), watch: duplex(open, tell) };
  const address = await serveForTest([{ definition: DiscoveryServiceService, handlers }]);
  return { client: connectForTest(DiscoveryServiceClient, address), unexpected };
}

function call(client: DiscoveryServiceClient): Promise<ResolveResponse> {
  return new Promise((resolve, reject) => {
    client.resolve(REQUEST, (error, response) =>
      error === null ? resolve(response) : reject(fromServiceError(error)),
    );
  });
}

test("a MeshError reaches the client with its code and details", async () => {
  const detail = {
    violations: [{ field: "service", description: "is missing" }],
    retryAfterMs: 2_000,
    info: { holder: "orders-2" },
  };
  const { client, unexpected } = await start(() => {
    throw new MeshError("SUPERSEDED", "held by another process", detail);
  });
  await expect(call(client)).rejects.toMatchObject({
    code: "SUPERSEDED",
    message: "held by another process",
    detail,
  });
  expect(unexpected).toEqual([]);
});

test.each<{ what: string; resolve: Resolve }>([
  {
    what: "a throw",
    resolve: () => {
      throw new Error("password=hunter2");
    },
  },
  { what: "a rejection", resolve: () => Promise.reject(new Error("password=hunter2")) },
  {
    what: "a late rejection of a non-error",
    resolve: async () => {
      await Promise.resolve();
      throw "password=hunter2 \ud800";
    },
  },
])("$what ends the call only, tells the operator and nobody else", async ({ resolve }) => {
  const { client, unexpected } = await start(resolve);
  const failed = call(client);
  await expect(failed).rejects.toMatchObject({ code: "INTERNAL" });
  await expect(failed).rejects.not.toThrow(/hunter2/);
  expect(unexpected).toEqual([
    expect.stringMatching(/^\/weir\.v1\.DiscoveryService\/Resolve: .*hunter2/),
  ]);
  await expect(call(client)).rejects.toMatchObject({ code: "INTERNAL" });
});

test("half a character in a rejected error's text does not end the process", async () => {
  const { client } = await start(() => Promise.reject(new MeshError("SUPERSEDED", "by \ud83d")));
  await expect(call(client)).rejects.toMatchObject({ code: "SUPERSEDED", message: "by \ufffd" });
});

test("a caller is known by its address, and its cancellation is a signal", async () => {
  let aborted: Promise<unknown> | undefined;
  let peer = "";
  const started = deferred();
  const { client } = await start((_request, { principal, signal }) => {
    peer = `${principal.name} ${principal.peer}`;
    aborted = once(signal, "abort");
    started.resolve();
    return new Promise(() => undefined);
  });
  const pending = client.resolve(REQUEST, () => undefined);
  await started.promise;
  pending.cancel();
  await aborted;
  expect(peer).toMatch(/^anonymous 127\.0\.0\.1:\d+$/);
});

test("a plain answer arrives, from a value and from a promise", async () => {
  const plain = await start(() => RESPONSE);
  expect(await call(plain.client)).toMatchObject({ epoch: 1n, version: 2n });
  const promised = await start(() => Promise.resolve(RESPONSE));
  expect(await call(promised.client)).toMatchObject({ epoch: 1n, version: 2n });
});

/** Opens a stream, says something, and waits for how it ends. */
async function watchUntilEnd(client: DiscoveryServiceClient) {
  const messages: WatchResponse[] = [];
  const stream = client.watch();
  stream.on("data", (message: WatchResponse) => messages.push(message));
  stream.write(HEARTBEAT);
  const end = new Promise<MeshError | undefined>((resolve) => {
    stream.on("error", (error) => resolve(fromServiceError(error)));
    stream.on("end", () => resolve(undefined));
  });
  return { messages, error: await end };
}

const bug = new Error("password=hunter2");

test.each<{ what: string; open: Open; code: string }>([
  {
    what: "open throws",
    open: () => {
      throw bug;
    },
    code: "INTERNAL",
  },
  {
    what: "a message throws",
    open: () => ({
      message: () => {
        throw bug;
      },
    }),
    code: "INTERNAL",
  },
  {
    what: "a message rejects",
    open: () => ({ message: () => Promise.reject(bug) }),
    code: "INTERNAL",
  },
  {
    what: "the handler fails on purpose inside open",
    open: (stream) => {
      stream.fail(new MeshError("DRAINING", "use another replica"));
      return { message: () => undefined };
    },
    code: "DRAINING",
  },
  {
    what: "a message is refused",
    open: () => ({
      message: () => {
        throw new MeshError("PROTOCOL_VIOLATION", "say hello first");
      },
    }),
    code: "PROTOCOL_VIOLATION",
  },
])("when $what, the stream ends with $code and the server goes on", async ({ open, code }) => {
  const { client, unexpected } = await start(() => RESPONSE, open);
  const { error } = await watchUntilEnd(client);
  expect(error?.code).toBe(code);
  expect(error?.message).not.toContain("hunter2");
  expect(unexpected).toHaveLength(code === "INTERNAL" ? 1 : 0);
  expect(await call(client)).toMatchObject({ epoch: 1n });
});

test("what was written before the failure arrives, and what is written after it does not", async () => {
  const { client } = await start(
    () => RESPONSE,
    (stream) => ({
      message: () => {
        stream.write(PULSE);
        stream.fail(new MeshError("SLOW_WATCHER", "no acknowledgement for 30 s"));
        expect(stream.write(PULSE)).toBe(false);
        stream.end();
        stream.fail(bug);
      },
    }),
  );
  const { messages, error } = await watchUntilEnd(client);
  expect(messages).toEqual([PULSE]);
  expect(error?.code).toBe("SLOW_WATCHER");
});

test.each<{ what: string; act: (stream: OutgoingStream<WatchResponse>) => void }>([
  { what: "the server ends it", act: (stream) => stream.end() },
  { what: "the server fails it", act: (stream) => stream.fail(new MeshError("DRAINING", "x")) },
  { what: "the client cancels it", act: () => undefined },
])("a listener hears once that its stream closed when $what", async ({ what, act }) => {
  const closed = deferred();
  let count = 0;
  const { client } = await start(
    () => RESPONSE,
    (stream) => ({
      message: () => {
        stream.write(PULSE);
        act(stream);
      },
      closed: () => {
        count++;
        closed.resolve();
      },
    }),
  );
  const stream = client.watch();
  stream.on("error", () => undefined);
  stream.write(HEARTBEAT);
  await once(stream, "data");
  if (what.startsWith("the client")) stream.cancel();
  await closed.promise;
  // One more round trip on the same connection: a second call would have come before it.
  await call(client);
  expect(count).toBe(1);
});

test("a stream that the client half-closes ends in order, unless the listener wants it", async () => {
  const plain = await start(() => RESPONSE);
  const stream = plain.client.watch();
  stream.resume();
  stream.end();
  await once(stream, "end");

  let wasTold = false;
  const kept = await start(
    () => RESPONSE,
    (outgoing) => ({
      message: () => undefined,
      halfClosed: () => {
        wasTold = true;
        outgoing.write(PULSE);
        outgoing.end();
      },
    }),
  );
  const other = kept.client.watch();
  other.end();
  expect(await once(other, "data")).toEqual([PULSE]);
  expect(wasTold).toBe(true);
});
