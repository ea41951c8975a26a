import { certificate, type Fault, failed } from "./changes.ts";
import { WALL_MS } from "./facts.ts";

const DAY_MS = 86_400_000;

/** Faults of the connection and its certificate. */
export const CONNECTION_FAULTS: readonly Fault[] = [
  {
    id: "control-plane-unreachable",
    change: failed("UNREACHABLE", "closed"),
    says: /127\.0\.0\.1:7400/,
    mends: /^weir server/,
  },
  {
    id: "control-plane-unreachable",
    change: failed("UNREACHABLE", "no-host", { address: "cp.local:7400" }),
    says: /cp\.local/,
    mends: /^getent hosts cp\.local/,
  },
  {
    id: "control-plane-not-grpc",
    change: failed("UNREACHABLE", "http1", {
      address: "127.0.0.1:7401",
      httpVersionPage: '{"version":"1"}',
    }),
    says: /admin port of Weir/,
    mends: /^weir check --server 127\.0\.0\.1:7400$/,
  },
  {
    id: "control-plane-tls-expected",
    change: failed("UNREACHABLE", "tls", { usesTls: false }),
    says: /speaks TLS/,
    mends: /--ca ca/,
  },
  {
    id: "control-plane-tls-absent",
    change: failed("UNREACHABLE", "http2"),
    says: /speaks plaintext/,
    mends: /--tls-cert/,
  },
  {
    id: "control-plane-hangs",
    change: failed("TIMEOUT", "silent"),
    says: /no answer came/,
    mends: /^ss -ltnp/,
  },
  {
    id: "control-plane-not-weir",
    change: failed("UNIMPLEMENTED", "http2", { usesTls: false }),
    says: /does not know weir\.v1/,
    mends: /^ss -ltnp/,
  },
  {
    id: "control-plane-failed",
    change: failed("INTERNAL", "http2", { usesTls: false }),
    says: /INTERNAL/,
    mends: /^weir health/,
  },
  {
    id: "token-missing",
    change: failed("UNAUTHENTICATED", "tls", { hasToken: false }),
    says: /without credentials/,
    mends: /--token-file/,
  },
  {
    id: "token-rejected",
    change: failed("UNAUTHENTICATED", "tls"),
    says: /did not accept/,
    mends: /--token-file/,
  },
  {
    id: "permission-denied",
    change: failed("PERMISSION_DENIED", "tls"),
    says: /refused/,
    mends: /--token-file/,
  },
  {
    id: "client-certificate-refused",
    change: failed("UNREACHABLE", "tls", {
      failure: { code: "UNREACHABLE", message: "it asks for a client certificate" },
    }),
    says: /asks for a client certificate/,
    mends: /--cert client\.pem/,
  },
  {
    id: "credentials-unusable",
    change: failed("INVALID_ARGUMENT", "tls"),
    says: /no/,
    mends: /openssl x509/,
  },
  {
    id: "admin-unreachable",
    change: (well) => ({
      ...well,
      adminPort: {
        address: "127.0.0.1:7401",
        port: { kind: "closed", detail: "refused" },
        isWeir: false,
      },
    }),
    says: /127\.0\.0\.1:7401/,
    mends: /--admin/,
  },
  {
    id: "default-port-taken",
    change: (well) => ({
      ...well,
      takenPorts: [{ port: 15_001, use: "requests", flag: "weir agent --listen", detail: "HTTP" }],
    }),
    says: /15001/,
    mends: /weir agent --listen 127\.0\.0\.1:15101/,
  },
  {
    id: "certificate-expired",
    change: certificate({ validUntilMs: WALL_MS - DAY_MS }),
    says: /1d ago/,
    mends: /systemctl reload/,
  },
  {
    id: "certificate-expires-soon",
    change: certificate({ validUntilMs: WALL_MS + 13 * DAY_MS }),
    says: /in 13d/,
    mends: /systemctl reload/,
  },
  {
    id: "certificate-not-yet-valid",
    change: certificate({ validFromMs: WALL_MS + DAY_MS }),
    says: /valid from/,
    mends: /timedatectl/,
  },
  {
    id: "certificate-wrong-host",
    change: certificate({ hostProblem: "no match", names: "DNS:other" }),
    says: /DNS:other, not for 127\.0\.0\.1/,
    mends: /subjectAltName/,
  },
  {
    id: "certificate-unknown-ca",
    change: certificate({ trustProblem: "SELF_SIGNED_CERT_IN_CHAIN" }),
    says: /our CA.*SELF_SIGNED/,
    mends: /--ca ca/,
  },
];
