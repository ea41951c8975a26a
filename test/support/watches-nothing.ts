import type { WatchedServices } from "../../src/data-plane/endpoint-watch.ts";

/** For tests of the connection alone. */
export const WATCHES_NOTHING: WatchedServices = {
  wantsAll: false,
  subscriptions: () => [],
  apply: () => undefined,
  forgetPosition: () => undefined,
  resumeOf: (namespace, service) => ({ namespace, service, resume: undefined }),
  inFlightOf: () => 0,
  drainingOf: () => [],
  retiredOf: () => [],
};
