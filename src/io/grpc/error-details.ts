import type { MeshError, MeshErrorDetail } from "../../core/model/mesh-error.ts";
import { toWellFormed } from "../../core/model/text.ts";
import type { Any } from "../../gen/google/protobuf/any.ts";
import {
  BadRequest,
  ErrorInfo,
  QuotaFailure,
  RetryInfo,
} from "../../gen/google/rpc/error_details.ts";
import { Status } from "../../gen/google/rpc/status.ts";
import { durationToMs, msToDuration } from "../wire/duration.ts";

/** Whose reasons these are: with the reason, it identifies an error all over the world. */
const DOMAIN = "weir.dev";

/** Several pairs of this length and ErrorInfo still fits by itself. */
const MAX_INFO_PAIRS = 8;
const MAX_INFO_CHARACTERS = 128;

const TYPE_PREFIX = "type.googleapis.com/google.rpc.";

/** The details of a failure, the most important first: ErrorInfo always, the others where they fit. */
export function describeError({ code, detail }: MeshError): Any[] {
  const metadata = new Map(
    Object.entries(detail.info ?? {})
      .slice(0, MAX_INFO_PAIRS)
      .map(([key, value]) => [short(key), short(value)]),
  );
  const details = [
    any("ErrorInfo", ErrorInfo.encode({ reason: code, domain: DOMAIN, metadata }).finish()),
  ];
  const { retryAfterMs, quota, violations } = detail;
  if (retryAfterMs !== undefined) {
    const retryDelay = msToDuration(retryAfterMs);
    details.push(any("RetryInfo", RetryInfo.encode({ retryDelay }).finish()));
  }
  if (quota !== undefined) details.push(any("QuotaFailure", quotaFailure(quota)));
  if (violations !== undefined) details.push(any("BadRequest", badRequest(violations)));
  return details;
}

function short(text: string): string {
  return toWellFormed(text.slice(0, MAX_INFO_CHARACTERS));
}

function any(type: string, value: Uint8Array): Any {
  return { typeUrl: TYPE_PREFIX + type, value: Buffer.from(value) };
}

function quotaFailure(quota: NonNullable<MeshErrorDetail["quota"]>): Uint8Array {
  const violation = {
    subject: toWellFormed(quota.subject),
    description: toWellFormed(quota.description),
    apiService: "",
    quotaMetric: "",
    quotaId: "",
    quotaDimensions: new Map(),
    quotaValue: 0n,
  };
  return QuotaFailure.encode({ violations: [violation] }).finish();
}

function badRequest(violations: NonNullable<MeshErrorDetail["violations"]>): Uint8Array {
  const fieldViolations = violations.map(({ field, description }) => ({
    field: toWellFormed(field),
    description: toWellFormed(description),
    reason: "",
    localizedMessage: undefined,
  }));
  return BadRequest.encode({ fieldViolations }).finish();
}

/** What a peer said of its failure. */
export interface DescribedError {
  readonly reason: string;
  readonly detail: MeshErrorDetail;
}

/** @returns `undefined` when the bytes are no Status, or none of Weir's. */
export function readError(bytes: Uint8Array): DescribedError | undefined {
  try {
    const found = new Map(
      Status.decode(bytes).details.map(({ typeUrl, value }) => [typeUrl, value]),
    );
    const read = <T>(type: string, message: { decode(bytes: Uint8Array): T }): T | undefined => {
      const value = found.get(TYPE_PREFIX + type);
      return value && message.decode(value);
    };
    const info = read("ErrorInfo", ErrorInfo);
    if (info?.domain !== DOMAIN) return undefined;
    return {
      reason: info.reason,
      detail: {
        ...infoOf(info),
        ...retryOf(read("RetryInfo", RetryInfo)),
        ...quotaOf(read("QuotaFailure", QuotaFailure)),
        ...violationsOf(read("BadRequest", BadRequest)),
      },
    };
  } catch {
    // A peer that sends garbage still failed: its code and sentence have to do.
    return undefined;
  }
}

function infoOf({ metadata }: ErrorInfo): MeshErrorDetail {
  return metadata.size === 0 ? {} : { info: Object.fromEntries(metadata) };
}

function retryOf(message: RetryInfo | undefined): MeshErrorDetail {
  const retryAfterMs = durationToMs(message?.retryDelay);
  return retryAfterMs === undefined ? {} : { retryAfterMs };
}

function quotaOf(message: QuotaFailure | undefined): MeshErrorDetail {
  const [first] = message?.violations ?? [];
  if (first === undefined) return {};
  return { quota: { subject: first.subject, description: first.description } };
}

function violationsOf(message: BadRequest | undefined): MeshErrorDetail {
  if (message === undefined) return {};
  const violations = message.fieldViolations.map(({ field, description }) => ({
    field,
    description,
  }));
  return { violations };
}
