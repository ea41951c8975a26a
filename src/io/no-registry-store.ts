import type { RegistryStore } from "../ports/registry-store.ts";

/** Keeps nothing: a server without a state directory starts empty, and its clients attach again. */
export const noRegistryStore: RegistryStore = {
  load: () => ({ header: undefined, records: [], journal: [], problems: [] }),
  appendJournal: () => Promise.resolve(),
  writeSnapshot: () => Promise.resolve(),
  close: () => Promise.resolve(),
};
