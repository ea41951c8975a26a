/** What a program prints when it is up: what listens where, and what to try next. */

export interface ServerAddresses {
  readonly grpcAddress: string;
  readonly adminAddress: string;
  readonly isTls: boolean;
}

export interface AgentAddresses {
  readonly listenAddress: string;
  readonly adminAddress: string;
  readonly isTls: boolean;
}

/** What browsers and curl put before the address of a port. */
export function scheme({ isTls }: { readonly isTls: boolean }): "http" | "https" {
  return isTls ? "https" : "http";
}

/** For `weir server`. */
export function serverLines(addresses: ServerAddresses): string[] {
  const { grpcAddress, adminAddress, isTls } = addresses;
  const ca = isTls ? " --ca CA_FILE" : "";
  const server = `${serverFlag(grpcAddress)}${ca}`;
  const agentCa = isTls ? " --control-plane-tls-ca CA_FILE" : "";
  return [
    `gRPC API          ${grpcAddress}`,
    `health, metrics   ${scheme(addresses)}://${adminAddress}`,
    "",
    "Try next, in another terminal:",
    `  npx weir agent${grpcAddress === DEFAULT_GRPC ? "" : ` --control-plane ${grpcAddress}`}${agentCa}`,
    `  npx weir register hello 127.0.0.1:8081${server}`,
    `  npx weir watch --all${server}`,
  ];
}

/** For `weir agent`. */
export function agentLines(addresses: AgentAddresses): string[] {
  const listen = `${scheme(addresses)}://${addresses.listenAddress}`;
  const admin = `${scheme(addresses)}://${addresses.adminAddress}`;
  const curl = addresses.isTls ? "curl --cacert CA_FILE" : "curl";
  return [
    `requests to services   ${listen}`,
    `readiness, metrics     ${admin}`,
    "",
    "Try next, in another terminal:",
    `  ${curl} -H 'Host: SERVICE.weir' ${listen}/`,
    `  ${curl} ${admin}/ready`,
  ];
}

/** For `weir dev`: from nothing to a balanced request by copy and paste. */
export function devLines(dev: {
  readonly server: ServerAddresses;
  readonly agent: AgentAddresses;
}): string[] {
  const { server, agent } = dev;
  const flag = serverFlag(server.grpcAddress);
  return [
    "Weir is up.",
    `  control plane   ${server.grpcAddress} (gRPC), ${scheme(server)}://${server.adminAddress} (health, metrics)`,
    `  agent           ${scheme(agent)}://${agent.listenAddress} (requests), ${scheme(agent)}://${agent.adminAddress} (readiness, metrics)`,
    "",
    "Try next, in other terminals:",
    '  node -e \'require("http").createServer((_, r) => r.end("hello\\n")).listen(8081)\'',
    `  npx weir register hello 127.0.0.1:8081${flag}`,
    `  curl -H 'Host: hello.weir' ${scheme(agent)}://${agent.listenAddress}/`,
    `  npx weir watch --all${flag}`,
    "Or register over gRPC, with any client:",
    "  npx buf curl --protocol grpc --http2-prior-knowledge \\",
    `    -d '{"instance": {"service": "hello", "id": "hello-2", "address": {"ip": "127.0.0.1"}, "ports": [{"port": 8081}]}}' \\`,
    `    http://${server.grpcAddress}/weir.v1.RegistryService/Register`,
  ];
}

const DEFAULT_GRPC = "127.0.0.1:7400";

/** What a client verb needs to find a server that does not listen on the default address. */
function serverFlag(grpcAddress: string): string {
  return grpcAddress === DEFAULT_GRPC ? "" : ` --server ${grpcAddress}`;
}
