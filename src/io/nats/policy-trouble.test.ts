import { ErrorCode, NatsError } from "nats";
import { expect, test } from "vitest";
import { policyTrouble } from "./policy-trouble.ts";
import { TooLateError } from "./within-time.ts";

function apiError(errCode: number, code = 503): NatsError {
  const error = new NatsError("no", String(code));
  error.api_error = { code, err_code: errCode, description: "no" };
  return error;
}

function denied(): NatsError {
  const error = new NatsError("no", ErrorCode.PermissionsViolation);
  error.permissionContext = { operation: "publish", subject: "$JS.API.INFO" };
  return error;
}

test.each([
  [
    "nobody answers for JetStream",
    new NatsError("503", ErrorCode.NoResponders),
    "no-jetstream",
    /jetstream \{/,
  ],
  ["it is off", apiError(10076), "no-jetstream", /jetstream \{/],
  ["it is off for the account", apiError(10039), "no-jetstream", /account/],
  ["there is no leader", apiError(10008), "no-quorum", /majority/],
  ["no answer in time", new NatsError("t", ErrorCode.Timeout), "no-quorum", /majority/],
  ["no answer at all", new TooLateError("slow"), "no-quorum", /majority/],
  ["one server for three copies", apiError(10074, 500), "other", /--policy-copies 1/],
  ["a subject is forbidden", denied(), "forbidden", /publish \$JS.API.INFO: .*permissions/],
  ["anything else", new Error("odd"), "other", /odd/],
] as const)("%s", (_what, error, kind, says) => {
  const trouble = policyTrouble(error);
  expect(trouble.kind).toBe(kind);
  expect(trouble.message).toMatch(says);
});
