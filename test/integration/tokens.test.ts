import { join } from "node:path";
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { HealthClient } from "../../src/gen/grpc/health/v1/health.ts";
import { ServerReflectionClient } from "../../src/gen/grpc/reflection/v1/reflection.ts";
import { RegistryServiceClient } from "../../src/gen/weir/v1/registry.ts";
import { controlPlaneAccess } from "../../src/io/control-plane-access.ts";
import { connectApi } from "../../src/io/grpc/api-client.ts";
import { fromServiceError } from "../../src/io/grpc/status.ts";
import { startAdmin } from "../../src/io/http/admin-listener.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import { TokenList } from "../../src/io/tls/token-list.ts";
import type { ControlPlaneAccessSettings } from "../../src/ports/control-plane-access.ts";
import { quietLog } from "../support/control-plane.ts";
import { connectForTest } from "../support/grpc-test-server.ts";
import { ask } from "../support/http-client.ts";
import { scratchFolder } from "../support/scratch-folder.ts";
import { aSecureServer, type SecureServer, writeTokens } from "../support/secure-server.ts";

const OLD = "old-0123456789abcdef";
const NEW = "new-0123456789abcdef";
const WRONG = "wrong-0123456789abcd";

let tokenFile: string;

beforeEach(() => {
  tokenFile = writeTokens(join(scratchFolder(), "tokens"), `web:${OLD}`);
});

async function list(address: string, settings: ControlPlaneAccessSettings): Promise<number> {
  const api = connectApi(address, controlPlaneAccess(settings, systemClock, quietLog));
  try {
    return (await api.listServices("")).length;
  } finally {
    api.close();
  }
}

/** What a call by hand ends with. */
function rawCall({ address }: SecureServer, ...headers: readonly string[]): Promise<ServiceError> {
  const metadata = new Metadata();
  for (const header of headers) metadata.add("authorization", header);
  const client = connectForTest(RegistryServiceClient, address);
  return new Promise((resolve, reject) => {
    client.listServices({ namespace: "", pageSize: 0, pageToken: "" }, metadata, (error) => {
      if (error === null) reject(new Error("the call was allowed"));
      else resolve(error);
    });
  });
}

describe("the gRPC port", () => {
  test("knows who calls by the token's name", async () => {
    const server = await aSecureServer({ tokenFile });
    expect(await list(server.address, { token: OLD })).toBe(0);
    expect(server.principals[0]?.name).toBe("web");
  });

  test("refuses who shows none, or a wrong one, with what to do and never the token", async () => {
    const server = await aSecureServer({ tokenFile });
    await expect(list(server.address, {})).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
      message: expect.stringContaining("give one with --token-file, or in WEIR_TOKEN"),
    });
    const wrong = await rawCall(server, `Bearer ${WRONG}`);
    expect(wrong.code).toBe(status.UNAUTHENTICATED);
    expect(wrong.details).toContain("does not accept that token");
    expect(JSON.stringify([wrong.details, wrong.metadata])).not.toContain(WRONG);
    expect(fromServiceError(wrong).code).toBe("UNAUTHENTICATED");
    expect(server.principals).toEqual([]);
    const method = "weir.v1.RegistryService/ListServices";
    expect(server.finished.list()).toEqual([{ method, code: "UNAUTHENTICATED", count: 2 }]);
  });

  test.each([
    ["another scheme", [`Basic ${OLD}`]],
    ["no scheme", [OLD]],
    ["an empty one", ["Bearer "]],
  ])("refuses %s", async (_what, headers) => {
    const server = await aSecureServer({ tokenFile });
    expect((await rawCall(server, ...headers)).code).toBe(status.UNAUTHENTICATED);
  });

  test("answers health to everybody, and reflection only to who has a token", async () => {
    const { address } = await aSecureServer({ tokenFile });
    const health = connectForTest(HealthClient, address);
    const answer = await new Promise((resolve, reject) => {
      health.check({ service: "" }, (error, response) =>
        error ? reject(error) : resolve(response),
      );
    });
    expect(answer).toMatchObject({ status: 1 });
    const reflection = connectForTest(ServerReflectionClient, address).serverReflectionInfo();
    const ended = new Promise<ServiceError>((resolve) => {
      reflection.on("error", resolve);
      reflection.on("data", () => undefined);
    });
    reflection.write({ host: "", messageRequest: { $case: "listServices", value: "" } });
    expect((await ended).code).toBe(status.UNAUTHENTICATED);
  });

  test("follows a rotation: an overlap, then only the new token", async () => {
    const server = await aSecureServer({ tokenFile });
    const accepted = async () => {
      const outcomes = [OLD, NEW].map((token) =>
        list(server.address, { token }).then(
          () => "in",
          () => "out",
        ),
      );
      return await Promise.all(outcomes);
    };
    expect(await accepted()).toEqual(["in", "out"]);
    writeTokens(tokenFile, OLD, NEW);
    server.security.reload();
    expect(await accepted()).toEqual(["in", "in"]);
    writeTokens(tokenFile, NEW);
    server.security.reload();
    expect(await accepted()).toEqual(["out", "in"]);
  });

  test("asks for the token beside the client's own file, which is read for each call", async () => {
    const server = await aSecureServer({ tokenFile });
    const own = writeTokens(join(scratchFolder(), "token"), WRONG);
    const access = controlPlaneAccess({ tokenFile: own }, systemClock, quietLog);
    const api = connectApi(server.address, access);
    onTestFinished(() => api.close());
    await expect(api.listServices("")).rejects.toThrow("does not accept that token");
    writeTokens(own, OLD);
    expect(await api.listServices("")).toEqual([]);
  });
});

test("a token leaves this machine in plaintext only when that is said to be fine", async () => {
  const far = "192.0.2.1:7400";
  await expect(list(far, { token: OLD })).rejects.toThrow(
    `the token was not sent: ${far} is beyond this machine and the connection is plaintext`,
  );
  const access = controlPlaneAccess({ token: OLD, insecure: true }, systemClock, quietLog);
  expect(access.metadata(far).get("authorization")).toEqual([`Bearer ${OLD}`]);
});

describe("the admin port", () => {
  const page = (body: string) => () => ({ status: 200, body });
  const pages = { "/healthz": page("ok\n"), "/readyz": page("ok\n"), "/metrics": page("up 1\n") };
  const tokens = new TokenList([{ name: "web", token: OLD }]);

  async function get(path: string, headers: Record<string, string> = {}) {
    const admin = await startAdmin("127.0.0.1:0", pages, { security: { tokens } });
    onTestFinished(() => admin.stop());
    const port = Number(admin.address.split(":")[1]);
    return await ask({ port }, { path, headers: { host: "localhost", ...headers } });
  }

  test.each(["/healthz", "/readyz?verbose"])("%s is for everybody", async (path) => {
    expect((await get(path)).status).toBe(200);
  });

  test("everything else is for who has a token", async () => {
    const refused = await get("/metrics");
    expect(refused.status).toBe(401);
    expect(refused.headers["www-authenticate"]).toContain("Bearer");
    expect(refused.body).toContain("Authorization: Bearer TOKEN");
    expect((await get("/metrics", { authorization: `Bearer ${WRONG}` })).status).toBe(401);
    expect((await get("/metrics", { authorization: `Bearer ${OLD}` })).body).toBe("up 1\n");
  });

  test("a path that is no URL is answered like any other", async () => {
    expect((await get("//", { authorization: `Bearer ${OLD}` })).status).toBe(404);
  });
});
