import { beforeEach, describe, expect, test } from "vitest";
import { FakeCli } from "../../../test/support/fake-cli.ts";

let cli: FakeCli;

beforeEach(() => {
  cli = new FakeCli();
});

/** Lets everything run that waits for nothing but other promises. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe("register", () => {
  test("--once leaves the registration id to the server, so that repeating it changes nothing", async () => {
    const line =
      "register orders 127.0.0.1:8081 --once --weight 50 --metadata version=v2 --lease 30s";
    expect(await cli.run(line)).toBe(0);
    expect(cli.api.registrations[0]?.instance).toMatchObject({
      id: "127.0.0.1:8081",
      registrationId: "",
      generation: 0,
      weight: 50,
      leaseMs: 30_000,
      metadata: new Map([["version", "v2"]]),
    });
    expect(cli.out).toBe("registered default/orders 127.0.0.1:8081 for 15s\n");
  });

  test("stays until Ctrl-C, then deregisters", async () => {
    const ended = cli.run("register orders 127.0.0.1:8081 --id orders-1");
    await settled();
    expect(cli.api.calls).toEqual(["register orders-1 1"]);
    cli.press("SIGINT");
    expect(await ended).toBe(130);
    expect(cli.api.calls.at(-1)).toBe("deregister orders-1 process-1");
  });

  test("SIGTERM is a clean end", async () => {
    const ended = cli.run("register orders 127.0.0.1:8081");
    await settled();
    cli.press("SIGTERM");
    expect(await ended).toBe(0);
  });
});
