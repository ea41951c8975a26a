import type { RegisterInput } from "../../core/registry/admission.ts";
import {
  AttachRequest,
  AttachResponse,
  RegisterRequest,
  type Registration,
  RegistryServiceService,
} from "../../gen/weir/v1/registry.ts";
import { type RegistrationBatch, readBatch } from "../wire/batch-reader.ts";
import { readRegistration } from "../wire/registration-reader.ts";

/** A registration that was read already, or the message of one that is unusual or wrong. */
export type ReadRegistration = RegisterInput | Registration;

/** An AttachRequest whose registrations were read already. */
export type ReadAttachRequest = { readonly message: RegistrationBatch } | AttachRequest;

/**
 * The service with readers of its own for what arrives in floods. Answers that are bytes already
 * pass through.
 */
export const registryDefinition = {
  ...RegistryServiceService,
  register: {
    ...RegistryServiceService.register,
    requestDeserialize: (bytes: Buffer): ReadRegistration =>
      readRegistration(bytes, 0, bytes.length) ?? RegisterRequest.decode(bytes),
    responseSerialize: (bytes: unknown): Buffer => bytes as Buffer,
  },
  attach: {
    ...RegistryServiceService.attach,
    requestDeserialize: (bytes: Buffer): ReadAttachRequest => {
      const batch = readBatch(bytes);
      return batch === undefined ? AttachRequest.decode(bytes) : { message: batch };
    },
    responseSerialize: (answer: Buffer | AttachResponse): Buffer =>
      Buffer.isBuffer(answer) ? answer : Buffer.from(AttachResponse.encode(answer).finish()),
  },
};
