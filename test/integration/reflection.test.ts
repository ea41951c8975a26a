import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionClient as V1,
} from "../../src/gen/grpc/reflection/v1/reflection.ts";
import { ServerReflectionClient as V1Alpha } from "../../src/gen/grpc/reflection/v1alpha/reflection.ts";
import { HealthRegistry } from "../../src/io/grpc/health.ts";
import { reflectionServices } from "../../src/io/grpc/reflection.ts";
import { connectForTest, serveForTest } from "../support/grpc-test-server.ts";

async function bufCurl(args: readonly string[]): Promise<string> {
  const flags = ["curl", "--protocol", "grpc", "--http2-prior-knowledge"];
  const child = spawn("node_modules/.bin/buf", [...flags, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return out + errors;
}

test("buf curl lists the methods and calls one, without any proto file", async () => {
  const address = await serveForTest([...reflectionServices(), new HealthRegistry().service()]);
  const listed = await bufCurl(["--list-methods", `http://${address}`]);
  const methods = listed.trim().split("\n");
  expect(methods).toContain("weir.v1.DiscoveryService/Watch");
  expect(methods).toContain("weir.v1.RegistryService/Register");
  expect(methods).toContain("weir.v1.AdminService/GetStatus");
  const health = await bufCurl([`http://${address}/grpc.health.v1.Health/Check`]);
  expect(JSON.parse(health)).toEqual({ status: "SERVING" });
});

type Question = ServerReflectionRequest["messageRequest"];

/** Asks on one stream, then ends it. */
function ask(
  client: InstanceType<typeof V1> | InstanceType<typeof V1Alpha>,
  questions: Question[],
): Promise<ServerReflectionResponse["messageResponse"][]> {
  return new Promise((resolve, reject) => {
    const answers: ServerReflectionResponse["messageResponse"][] = [];
    const call = client.serverReflectionInfo();
    call.on("data", ({ messageResponse }: ServerReflectionResponse) =>
      answers.push(messageResponse),
    );
    call.on("error", reject);
    call.on("end", () => resolve(answers));
    for (const messageRequest of questions) call.write({ host: "", messageRequest });
    call.end();
  });
}

test.each([
  { version: "v1", Client: V1 },
  { version: "v1alpha", Client: V1Alpha },
])(
  "reflection $version answers files and symbols, and says what it does not know",
  async ({ Client }) => {
    const address = await serveForTest(reflectionServices());
    const answers = await ask(connectForTest(Client, address), [
      { $case: "listServices", value: "*" },
      { $case: "fileByFilename", value: "weir/v1/types.proto" },
      { $case: "fileContainingSymbol", value: "weir.v1.DiscoveryService.Watch" },
      { $case: "fileContainingSymbol", value: "weir.v1.Instance.MetadataEntry.key" },
      { $case: "fileContainingSymbol", value: "weir.v1.Nothing\u001b" },
      { $case: "allExtensionNumbersOfType", value: "weir.v1.Instance" },
      undefined,
    ]);
    const [services, file, ofMethod, ofField, unknown, extensions, empty] = answers;
    expect(services).toMatchObject({ $case: "listServicesResponse" });
    expect(fileCount(file)).toBe(2);
    expect(fileCount(ofMethod)).toBe(3);
    expect(fileCount(ofField)).toBe(2);
    const missing = { errorCode: 5, errorMessage: 'no symbol "weir.v1.Nothing\\u001b"' };
    expect(unknown).toEqual({ $case: "errorResponse", value: missing });
    expect(extensions).toMatchObject({ $case: "errorResponse", value: { errorCode: 5 } });
    expect(empty).toMatchObject({ $case: "errorResponse", value: { errorCode: 3 } });
  },
);

function fileCount(answer: ServerReflectionResponse["messageResponse"]): number | undefined {
  return answer?.$case === "fileDescriptorResponse"
    ? answer.value.fileDescriptorProto.length
    : undefined;
}
