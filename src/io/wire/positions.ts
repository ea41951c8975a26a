import type { BinaryWriter } from "@bufbuild/protobuf/wire";
import { MAX_POSITIONS, type OriginPosition } from "../../core/discovery/seen-positions.ts";
import { OriginPosition as PositionMessage } from "../../gen/weir/v1/discovery.ts";
import { wholeNumber } from "./whole-number.ts";

export function encodePosition(position: OriginPosition, writer: BinaryWriter): BinaryWriter {
  return PositionMessage.encode(positionToWire(position), writer);
}

export function positionToWire({ replicaId, epoch, sequence }: OriginPosition): PositionMessage {
  return { replicaId, epoch: BigInt(epoch), sequence: BigInt(sequence) };
}

/** At most 64. @throws MeshError PROTOCOL_VIOLATION for a number that no Weir sends. */
export function positionsFromWire(messages: readonly PositionMessage[]): OriginPosition[] {
  return messages.slice(0, MAX_POSITIONS).map(({ replicaId, epoch, sequence }) => ({
    replicaId,
    epoch: wholeNumber(epoch, "position.epoch"),
    sequence: wholeNumber(sequence, "position.sequence"),
  }));
}
