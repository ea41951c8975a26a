import { status as Code, type experimental, type Metadata } from "@grpc/grpc-js";

type Subchannel = NonNullable<experimental.PickResult["subchannel"]>;

/** Who hears of a call's answer: gRPC, from the connection. */
export type CallListener = Parameters<ReturnType<Subchannel["getRealSubchannel"]>["createCall"]>[3];

/**
 * How long an answer may lack its end: the system keeps a killed process's connections open until
 * it has its memory back, which was seen to take 30 ms.
 */
export const LONGEST_HOLD_MS = 100;

/** Methods that are known to stream. Programs call fewer; beyond it the others' first messages wait. */
const MAX_METHODS = 1_000;

/**
 * Ends after which what was held is as if it had never been sent: gRPC makes the call again, or
 * its caller gave it up and hears nothing more.
 */
const FORGETTING: ReadonlySet<Code> = new Set([
  Code.UNAVAILABLE,
  Code.CANCELLED,
  Code.DEADLINE_EXCEEDED,
]);

/**
 * Holds answers back until their end has come too, for calls that may be repeated. A server
 * writes headers, message and status one after the other, and gRPC repeats nothing whose headers
 * it has seen: who is killed in between would cost a call that was as good as answered. Under
 * load that was every second kill.
 *
 * gRPC does not say which methods stream. The first message of a stream waits too, for
 * `LONGEST_HOLD_MS`; a method that was seen to send a second one is known from then on, and
 * nothing of it waits any more.
 */
export class AnswerHold {
  readonly #streaming = new Set<string>();

  /** @param method its path, `/package.Service/Method`. */
  hold(method: string, listener: CallListener): CallListener {
    if (this.#streaming.has(method)) return listener;
    return heldListener(listener, () => {
      if (this.#streaming.size < MAX_METHODS) this.#streaming.add(method);
    });
  }
}

/** @param streams is told when a second message came. */
function heldListener(listener: CallListener, streams: () => void): CallListener {
  let headers: Metadata | undefined;
  let first: unknown;
  let messageCount = 0;
  let timer: NodeJS.Timeout | undefined;
  let isHolding = true;
  const release = () => {
    if (!isHolding) return;
    isHolding = false;
    clearTimeout(timer);
    if (headers !== undefined) listener.onReceiveMetadata(headers);
    if (messageCount > 0) listener.onReceiveMessage(first);
    first = undefined;
  };
  return {
    onReceiveMetadata: (metadata) => {
      headers = metadata;
      // After a pause of this process timers come first: what has arrived meanwhile is read before.
      timer = setTimeout(() => setImmediate(release), LONGEST_HOLD_MS);
    },
    onReceiveMessage: (content: unknown) => {
      if (messageCount === 1) streams();
      if (messageCount > 0) release();
      else if (isHolding) first = content;
      messageCount += 1;
      if (!isHolding) listener.onReceiveMessage(content);
    },
    onReceiveStatus: (status) => {
      if (FORGETTING.has(status.code)) isHolding = false;
      clearTimeout(timer);
      release();
      listener.onReceiveStatus(status);
    },
  };
}
