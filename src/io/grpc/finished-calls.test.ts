import { status as Code } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { FinishedCalls } from "./finished-calls.ts";

const REGISTER = "/weir.v1.RegistryService/Register";

test("calls are counted by method and status, without what never happened", () => {
  const finished = new FinishedCalls();
  const registered = finished.of(REGISTER);
  finished.of("/weir.v1.RegistryService/Renew");
  registered(Code.OK);
  registered(Code.OK);
  registered(Code.UNAUTHENTICATED);
  const method = "weir.v1.RegistryService/Register";
  expect(finished.list()).toEqual([
    { method, code: "OK", count: 2 },
    { method, code: "UNAUTHENTICATED", count: 1 },
  ]);
});

test("whoever counts for a method adds to the same figure", () => {
  const finished = new FinishedCalls();
  finished.of(REGISTER)(Code.ABORTED);
  finished.of(REGISTER)(Code.ABORTED);
  expect(finished.list()).toMatchObject([{ code: "ABORTED", count: 2 }]);
});
