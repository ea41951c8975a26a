import { beforeEach, describe, expect, test } from "vitest";
import { FakeCli } from "../../../test/support/fake-cli.ts";

let cli: FakeCli;

beforeEach(() => {
  cli = new FakeCli();
});

describe("getting in to the control plane", () => {
  test("takes files by flag", async () => {
    await cli.run(
      "services --ca ca.crt --cert me.crt --key me.key --server-name cp --token-file token --insecure",
    );
    expect(cli.access).toMatchObject({
      ca: "ca.crt",
      cert: "me.crt",
      key: "me.key",
      serverName: "cp",
      tokenFile: "token",
      insecure: true,
    });
  });

  test("takes what no flag says from variables, of which empty ones say nothing", async () => {
    Object.assign(cli.env, {
      WEIR_CA: "system",
      WEIR_CERT: "env.crt",
      WEIR_KEY: "",
      WEIR_TOKEN_FILE: "env-token",
      WEIR_TOKEN: "secret-0123456789abcdef",
    });
    await cli.run("services --cert flag.crt");
    expect(cli.access).toMatchObject({
      ca: "system",
      cert: "flag.crt",
      key: undefined,
      tokenFile: "env-token",
      token: "secret-0123456789abcdef",
    });
  });

  test("has no flag for a token itself: everybody would see it", async () => {
    expect(await cli.run("services --token secret-0123456789abcdef")).toBe(2);
    expect(cli.connected).toEqual([]);
  });

  test("is plaintext without a token unless something is said", async () => {
    await cli.run("services");
    expect(Object.values(cli.access).filter((value) => value !== undefined)).toEqual([]);
  });
});
