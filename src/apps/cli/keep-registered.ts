import { formatAddress } from "../../core/model/instance.ts";
import { MeshError, type MeshErrorCode } from "../../core/model/mesh-error.ts";
import type { RegistrationId } from "../../core/model/names.ts";
import type { Clock } from "../../ports/clock.ts";
import type {
  ControlPlaneApi,
  LeaseGrant,
  LeaseName,
  Registration,
} from "../../ports/control-plane-api.ts";

/** How soon a renewal that found nobody is tried again: several times within the shortest lease. */
const RETRY_MS = 1_000;

/** What passes by itself; anything else ends the command. */
const TRANSIENT: ReadonlySet<MeshErrorCode> = new Set([
  "UNREACHABLE",
  "TIMEOUT",
  "DRAINING",
  "NOT_SYNCED",
  "LIMIT_REACHED",
  "STORAGE_FAILED",
]);

export interface KeepRegisteredOptions {
  readonly api: ControlPlaneApi;
  readonly clock: Clock;
  readonly registration: Registration;
  /** Aborted when the instance shall leave. */
  readonly stopping: AbortSignal;
  /** A line for the person. */
  readonly say: (line: string) => void;
}

/**
 * Registers one instance and keeps it registered until `stopping`, then deregisters it. Comes back
 * by itself after an outage, and when the lease is gone.
 * @throws MeshError when it is refused: above all SUPERSEDED, when another process took the id.
 */
export async function keepRegistered(options: KeepRegisteredOptions): Promise<void> {
  const { api, registration, say } = options;
  let grant = await api.register(registration);
  const { instance } = registration;
  const address = formatAddress(instance.address, instance.ports[0]?.port ?? 0);
  say(
    `registered ${instance.namespace}/${instance.service} ${instance.id} at ${address}, ` +
      `renewing every ${grant.renewIntervalMs / 1_000} s; Ctrl-C deregisters`,
  );
  grant = await renewUntilStopped(options, grant);
  await leave(api, leaseOf(registration, grant));
  say(`deregistered ${instance.id}`);
}

/** @returns the grant that holds at the end. */
async function renewUntilStopped(
  options: KeepRegisteredOptions,
  first: LeaseGrant,
): Promise<LeaseGrant> {
  const { stopping, say } = options;
  let grant = first;
  let isLost = false;
  for (;;) {
    await pause(options, isLost ? RETRY_MS : grant.renewIntervalMs);
    if (stopping.aborted) return grant;
    try {
      grant = await renewOnce(options, grant);
      if (isLost) say("renewing again");
      isLost = false;
    } catch (error) {
      if (!isTransient(error)) throw error;
      if (!isLost) say(`${error.message}; trying again every ${RETRY_MS / 1_000} s`);
      isLost = true;
    }
  }
}

/** A lease that ended before us is what we wanted. */
async function leave(api: ControlPlaneApi, lease: LeaseName): Promise<void> {
  try {
    await api.deregister(lease);
  } catch (error) {
    const isGone = error instanceof MeshError && error.code.endsWith("_NOT_FOUND");
    if (!isGone) throw error;
  }
}

/** @returns the grant that holds now: a new one when the lease was gone. */
async function renewOnce(options: KeepRegisteredOptions, grant: LeaseGrant): Promise<LeaseGrant> {
  const { api, registration, say } = options;
  const outcome = await api.renew(leaseOf(registration, grant));
  if (outcome === "renewed") return grant;
  if (outcome === "superseded") {
    const { id } = registration.instance;
    throw new MeshError(
      "SUPERSEDED",
      `another process registered ${id} since: two processes with one id take turns otherwise; ` +
        "give this one its own with --id",
    );
  }
  const instance = {
    ...registration.instance,
    registrationId: grant.registrationId as RegistrationId,
    generation: grant.generation + 1,
  };
  const renewed = await api.register({ ...registration, instance, leaseToken: grant.leaseToken });
  say("the lease was gone; registered again");
  return renewed;
}

function leaseOf({ instance }: Registration, { registrationId }: LeaseGrant): LeaseName {
  const { namespace, service, id } = instance;
  return { namespace, service, instanceId: id, registrationId };
}

function isTransient(error: unknown): error is MeshError {
  return error instanceof MeshError && TRANSIENT.has(error.code);
}

/** Ends early when told to stop. */
function pause({ clock, stopping }: KeepRegisteredOptions, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      cancel();
      stopping.removeEventListener("abort", wake);
      resolve();
    };
    const cancel = clock.after(delayMs, wake);
    stopping.addEventListener("abort", wake);
    if (stopping.aborted) wake();
  });
}
