import type { CertificateFacts } from "../../../ports/check-probe.ts";
import { formatDuration } from "../duration.ts";
import { hostOf } from "./connection-rules.ts";
import type { CheckFacts } from "./facts.ts";
import { type Found, onlyIf, type Rule } from "./rule.ts";

const DAY_MS = 86_400_000;

/** Two weeks: long enough for a person on holiday, shorter than what renewal tools leave. */
const EXPIRES_SOON_MS = 14 * DAY_MS;

function ofCertificate(
  isWrong: (certificate: CertificateFacts, facts: CheckFacts) => boolean,
  found: (certificate: CertificateFacts, facts: CheckFacts) => Omit<Found, "subject">,
): Rule["find"] {
  return (facts) => {
    const { certificate, address } = facts.target;
    if (certificate === undefined) return undefined;
    return onlyIf(isWrong(certificate, facts), () => ({
      subject: `certificate of ${address}`,
      ...found(certificate, facts),
    }));
  };
}

const day = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace("T", " ");

/** What signs and installs is the operator's own; this is the part that Weir does. */
const RENEW =
  "systemctl reload weir-server    # or kill -HUP its process, once the new files are in place of --tls-cert and --tls-key: nothing restarts";

export const CERTIFICATE_RULES: readonly Rule[] = [
  {
    id: "certificate-expired",
    severity: "error",
    title: "The control plane's certificate has expired",
    why: "No agent and no client that verifies it can connect again once its connection breaks.",
    find: ofCertificate(
      ({ validUntilMs }, { wallMs }) => validUntilMs <= wallMs,
      ({ subject, validUntilMs }, { wallMs }) => ({
        what: `The certificate of ${subject} expired ${formatDuration(wallMs - validUntilMs)} ago, at ${day(validUntilMs)} UTC.`,
        fix: RENEW,
      }),
    ),
  },
  {
    id: "certificate-expires-soon",
    severity: "warning",
    title: "The control plane's certificate expires within 14 days",
    why: "On that day nobody can connect again, all at once.",
    find: ofCertificate(
      ({ validUntilMs }, { wallMs }) =>
        validUntilMs > wallMs && validUntilMs - wallMs < EXPIRES_SOON_MS,
      ({ subject, validUntilMs }, { wallMs }) => ({
        what: `The certificate of ${subject} expires in ${formatDuration(validUntilMs - wallMs)}, at ${day(validUntilMs)} UTC.`,
        fix: RENEW,
      }),
    ),
  },
  {
    id: "certificate-not-yet-valid",
    severity: "error",
    title: "The control plane's certificate is not valid yet",
    why: "Who verifies it refuses to connect; more often than not a clock is wrong.",
    find: ofCertificate(
      ({ validFromMs }, { wallMs }) => validFromMs > wallMs,
      ({ subject, validFromMs }, { wallMs }) => ({
        what: `The certificate of ${subject} is valid from ${day(validFromMs)} UTC; this machine's clock says ${day(wallMs)}.`,
        fix: "timedatectl set-ntp true    # if this clock is wrong; else install a certificate that is valid",
      }),
    ),
  },
  {
    id: "certificate-wrong-host",
    severity: "error",
    title: "The control plane's certificate is for another host",
    why: "Clients refuse it, because anybody with some other certificate could pretend to be the control plane.",
    find: ofCertificate(
      ({ hostProblem }) => hostProblem !== "",
      ({ names }, { target }) => ({
        what: `The certificate is for ${names === "" ? "no host at all" : names}, not for ${hostOf(target.address)}.`,
        fix: `weir check --server NAME:PORT    # with a name that it has; or issue one with subjectAltName ${hostOf(target.address)}`,
      }),
    ),
  },
  {
    id: "certificate-unknown-ca",
    severity: "error",
    title: "The control plane's certificate is signed by an unknown CA",
    why: "Clients cannot tell the control plane from somebody who pretends to be it, and refuse.",
    find: ofCertificate(
      ({ trustProblem }) => trustProblem !== "",
      ({ issuer, trustProblem }, { target }) => ({
        what: `Nobody here knows who signed the certificate (${issuer}): ${trustProblem}.`,
        fix: `weir check --server ${target.address} --ca ca.pem    # the file with the CA's certificate; agents need the same`,
      }),
    ),
  },
];
