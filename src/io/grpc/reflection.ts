import { readFileSync } from "node:fs";
import { status as Code } from "@grpc/grpc-js";
import { echo } from "../../core/model/text.ts";
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionService as V1,
} from "../../gen/grpc/reflection/v1/reflection.ts";
import { ServerReflectionService as V1Alpha } from "../../gen/grpc/reflection/v1alpha/reflection.ts";
import { DescriptorIndex } from "./descriptor-index.ts";
import { duplex, type UnexpectedError } from "./handler.ts";
import type { GrpcService } from "./server.ts";

/** What this server's protos are, so that `grpcurl` and `buf curl` work without files. */
const DESCRIPTORS = new URL("../../gen/weir.binpb", import.meta.url);

/** Reflection v1, and the v1alpha that older clients ask for; both have the same messages. */
export function reflectionServices(unexpected?: UnexpectedError): GrpcService[] {
  const index = new DescriptorIndex(readFileSync(DESCRIPTORS));
  const serverReflectionInfo = duplex<ServerReflectionRequest, ServerReflectionResponse>(
    (stream) => ({
      message: (request) => {
        stream.write(answer(index, request));
      },
    }),
    unexpected,
  );
  const handlers = { serverReflectionInfo };
  return [V1, V1Alpha].map((definition) => ({ definition, handlers }));
}

function answer(
  index: DescriptorIndex,
  request: ServerReflectionRequest,
): ServerReflectionResponse {
  const messageResponse = responseTo(index, request.messageRequest);
  return { validHost: request.host, originalRequest: request, messageResponse };
}

type Response = ServerReflectionResponse["messageResponse"];

function responseTo(
  index: DescriptorIndex,
  request: ServerReflectionRequest["messageRequest"],
): Response {
  switch (request?.$case) {
    case "listServices": {
      const service = index.services.map((name) => ({ name }));
      return { $case: "listServicesResponse", value: { service } };
    }
    case "fileByFilename":
      return filesOr(index.file(request.value), `no file ${echo(request.value)}`);
    case "fileContainingSymbol":
      return filesOr(index.fileOf(request.value), `no symbol ${echo(request.value)}`);
    case "fileContainingExtension":
    case "allExtensionNumbersOfType":
      return refusal(Code.NOT_FOUND, "these protos have no extensions");
    default:
      return refusal(
        Code.INVALID_ARGUMENT,
        "an empty request; ask for services, a file or a symbol",
      );
  }
}

function filesOr(fileDescriptorProto: Buffer[] | undefined, missing: string): Response {
  if (fileDescriptorProto === undefined) return refusal(Code.NOT_FOUND, missing);
  return { $case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function refusal(errorCode: number, errorMessage: string): Response {
  return { $case: "errorResponse", value: { errorCode, errorMessage } };
}
