import type { Command } from "commander";
import type { Update } from "../../core/discovery/update.ts";
import { type Metadata, NO_METADATA } from "../../core/model/instance.ts";
import { serviceKey } from "../../core/model/names.ts";
import type { ControlPlaneApi, ObserveRequest } from "../../ports/control-plane-api.ts";
import {
  type ConnectionOptions,
  namespaceOf,
  serviceOf,
  withApi,
  withConnection,
} from "./connection.ts";
import type { CliContext } from "./context.ts";
import { EXIT, UsageError } from "./exit-code.ts";
import { collectPair } from "./filters.ts";
import { printJsonLine } from "./output.ts";
import { printable, styled } from "./table.ts";
import type { Verdict } from "./verdict.ts";
import { addressOf, type WatchEvent, WatchView } from "./watch-view.ts";

/** A person watches: soon enough not to miss much, seldom enough not to fill the terminal. */
const RECONNECT_MS = 1_000;

interface WatchOptions extends ConnectionOptions {
  readonly all?: boolean;
  readonly label?: Metadata;
}

const SIGNS = { added: "+", changed: "~", removed: "-" } as const;
const COLOURS = { added: "green", changed: "yellow", removed: "red" } as const;

/** `weir watch SERVICE`: prints what agents are told, while it happens. Drains never wait for it. */
export function addWatch(program: Command, context: CliContext, verdict: Verdict): void {
  withConnection(program.command("watch"))
    .description("print endpoints as they come (+), change (~) and leave (-), until Ctrl-C")
    .argument("[service]", "its name, or NAMESPACE/NAME")
    .option("--all", "every service; of one namespace with --namespace")
    .option("-l, --label <key=value>", "only with this metadata; may be repeated", collectPair)
    .action(async (service: string | undefined, options: WatchOptions) => {
      if ((service === undefined) === (options.all !== true)) {
        throw new UsageError("name a service to watch, or --all");
      }
      const watcher = new Watcher(context, options, service);
      const signal = await withApi(context, options, (api) => watcher.run(api));
      verdict.exitCode = signal === "SIGINT" ? EXIT.interrupted : EXIT.ok;
    });
}

class Watcher {
  readonly #context: CliContext;
  readonly #options: WatchOptions;
  readonly #request: ObserveRequest;
  readonly #views = new Map<string, WatchView>();
  /** With `--all --namespace`: what to leave out. */
  readonly #onlyNamespace: string | undefined;
  #hasConnected = false;

  constructor(context: CliContext, options: WatchOptions, service: string | undefined) {
    this.#context = context;
    this.#options = options;
    this.#onlyNamespace = service === undefined ? namespaceOf(context, options) : undefined;
    const named = service === undefined ? undefined : serviceOf(context, options, service);
    this.#request = {
      namespace: named?.namespace ?? "",
      service: named?.service,
      agentId: `watch-${context.newId()}`,
      softwareVersion: context.version,
    };
  }

  /** Until a signal comes. @throws MeshError when the first connection fails. */
  async run(api: ControlPlaneApi): Promise<string> {
    const { clock, signals, terminal } = this.#context;
    let signal: string | undefined;
    const stopped = signals.stop().then((name) => {
      signal = name;
    });
    while (signal === undefined) {
      const error = await this.#observe(api, stopped);
      if (signal !== undefined) break;
      if (!this.#hasConnected) throw error ?? new Error("the control plane ended the stream");
      terminal.say(`${error?.message ?? "the control plane ended the stream"}; connecting again`);
      await Promise.race([stopped, new Promise<void>((wake) => clock.after(RECONNECT_MS, wake))]);
    }
    return signal ?? "";
  }

  /** @returns why the stream ended. */
  #observe(api: ControlPlaneApi, stopped: Promise<void>): Promise<Error | undefined> {
    return new Promise((resolve) => {
      const observation = api.observe(this.#request, {
        opened: (replicaId) => this.#opened(replicaId),
        updated: (update) => this.#updated(update),
        ended: resolve,
      });
      stopped.then(() => observation.stop()).catch(() => undefined);
    });
  }

  #opened(replicaId: string): void {
    this.#context.terminal.say(`watching through replica ${replicaId}`);
    this.#hasConnected = true;
  }

  #updated(update: Update): void {
    if (update.type === "service") return;
    if (this.#onlyNamespace !== undefined && update.namespace !== this.#onlyNamespace) return;
    const key = serviceKey(update.namespace, update.service);
    const view = this.#views.get(key) ?? new WatchView(this.#options.label ?? NO_METADATA);
    this.#views.set(key, view);
    for (const event of view.apply(update)) this.#print(event);
    if (update.kind === "absent" && !update.exists) {
      this.#context.terminal.say(`nobody ever registered for ${printable(key)}; waiting`);
    }
  }

  #print({ kind, namespace, service, endpoint, reason }: WatchEvent): void {
    const { clock, terminal } = this.#context;
    const time = new Date(clock.wallMs()).toISOString();
    if (this.#options.output === "json") {
      const { id, registrationId, state, weight, priority } = endpoint;
      const what = { id, registrationId, address: addressOf(endpoint), state, weight, priority };
      printJsonLine(this.#context, { time, event: kind, namespace, service, ...what, reason });
      return;
    }
    const name = `${namespace}/${service} ${endpoint.id}`;
    const line = printable(
      `${SIGNS[kind]} ${time} ${name} ${addressOf(endpoint)} ${endpoint.state} (${reason})`,
    );
    terminal.out(`${terminal.hasColours ? styled(COLOURS[kind], line) : line}\n`);
  }
}
