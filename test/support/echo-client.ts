import {
  type CallCredentials,
  Client,
  type ClientOptions,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import { ECHO_METHODS } from "./echo-server.ts";

const { unary, clientStream, serverStream, bidi } = ECHO_METHODS;

/** Long enough for a busy machine; a test that hits it has failed. */
const DEADLINE_MS = 10_000;

export interface CallOptions {
  readonly deadlineMs?: number;
  readonly waitForReady?: boolean;
  /** Credentials that are fetched for each call. */
  readonly slow?: CallCredentials;
}

/** A client of echo servers, with connections of its own, that is closed when the test is done. */
export class EchoClient {
  readonly client: Client;

  constructor(target: string, options: ClientOptions = {}, channel = credentials.createInsecure()) {
    this.client = new Client(target, channel, {
      "grpc.use_local_subchannel_pool": 1,
      // A connection that failed is tried again soon, so that tests of recovery are short.
      "grpc.initial_reconnect_backoff_ms": 100,
      ...options,
    });
    onTestFinished(() => this.client.close());
  }

  /** @returns the answer, or `CODE: details` of the failure. */
  say(request = "hello", options: CallOptions = {}): Promise<string> {
    return new Promise((resolve) => {
      this.start(request, resolve, options);
    });
  }

  /** Like `say`, for calls that the test cancels. */
  start(request: string, done: (answer: string) => void, options: CallOptions = {}) {
    const metadata = new Metadata({ waitForReady: options.waitForReady ?? false });
    const deadline = Date.now() + (options.deadlineMs ?? DEADLINE_MS);
    const { path, requestSerialize, responseDeserialize } = unary;
    return this.client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      { deadline, ...(options.slow && { credentials: options.slow }) },
      (error, answer) => done(error === null ? (answer ?? "") : failureText(error)),
    );
  }

  /** How often each server answered `count` calls, one after the other. */
  async tally(count: number): Promise<Record<string, number>> {
    const answers: Record<string, number> = {};
    for (let i = 0; i < count; i++) {
      const answer = await this.say();
      answers[answer] = (answers[answer] ?? 0) + 1;
    }
    return answers;
  }

  serverStream(request: string) {
    const { path, requestSerialize, responseDeserialize } = serverStream;
    return this.client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
    );
  }

  clientStream(messages: readonly string[]): Promise<string> {
    const { path, requestSerialize, responseDeserialize } = clientStream;
    return new Promise((resolve) => {
      const call = this.client.makeClientStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        (error, answer) => resolve(error === null ? (answer ?? "") : failureText(error)),
      );
      for (const message of messages) call.write(message);
      call.end();
    });
  }

  bidi() {
    const { path, requestSerialize, responseDeserialize } = bidi;
    return this.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  }
}

export function failureText({ code, details }: ServiceError): string {
  return `${code}: ${details}`;
}
