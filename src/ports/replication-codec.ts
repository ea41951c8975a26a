import type { ReplicationMessage } from "../core/replication/messages.ts";

/** Turns what replicas say to each other into bytes and back. */
export interface ReplicationCodec {
  encode(message: ReplicationMessage): Uint8Array;
  /** Copies what it keeps of the bytes. @returns `undefined` for what is foreign, damaged, or of another cluster. */
  decode(bytes: Uint8Array): ReplicationMessage | undefined;
}
