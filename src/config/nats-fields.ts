import { z } from "zod";
import { words } from "./fields.ts";
import type { SettingViolation } from "./parse-settings.ts";
import { filePath } from "./security-fields.ts";
import { nameField } from "./word-fields.ts";

/** How a replica reaches its peers. */
export const natsShape = {
  /** `nats://HOST:PORT` or `tls://HOST:PORT`, all servers of the NATS cluster; without it a replica is alone. */
  nats: words.optional(),
  /** Replicas of one name share their records; others on the same NATS do not meet. */
  cluster: nameField.default("weir"),
  /** Who this replica says it is: at most one of the four ways. */
  natsCreds: filePath.optional(),
  natsNkey: filePath.optional(),
  natsUser: z.string().min(1).optional(),
  natsPasswordFile: filePath.optional(),
  natsTokenFile: filePath.optional(),
  /** `system`, or a bundle of CAs; with a certificate and its key where NATS asks for one. */
  natsCa: filePath.optional(),
  natsCert: filePath.optional(),
  natsKey: filePath.optional(),
  /** NATS servers that keep each policy; three when three or more are named, else one. */
  policyCopies: z.literal([1, 3]).optional(),
};

const natsSchema = z.strictObject(natsShape);

export type NatsSettingFields = z.infer<typeof natsSchema>;

/** What only means something together with `nats`. */
const NEED_NATS = [
  "natsCreds",
  "natsNkey",
  "natsUser",
  "natsPasswordFile",
  "natsTokenFile",
  "natsCa",
  "natsCert",
  "natsKey",
  "policyCopies",
] as const;

const IDENTITIES = ["natsCreds", "natsNkey", "natsPasswordFile", "natsTokenFile"] as const;

/** What is wrong with these settings together. */
export function natsViolations(settings: NatsSettingFields): SettingViolation[] {
  const found: SettingViolation[] = [];
  const say = (name: string, description: string) => found.push({ path: [name], description });
  if (settings.nats === undefined) {
    for (const name of NEED_NATS) {
      if (settings[name] !== undefined) say(name, "means nothing without --nats URL");
    }
    return found;
  }
  if (settings.nats.length === 0) say("nats", "names no server; write nats://HOST:PORT");
  const given = IDENTITIES.filter((name) => settings[name] !== undefined);
  const [, second] = given;
  if (second !== undefined) {
    say(second, `NATS takes one way to say who we are; keep it or ${given[0]}`);
  }
  if ((settings.natsUser === undefined) !== (settings.natsPasswordFile === undefined)) {
    const lone = settings.natsUser === undefined ? "natsPasswordFile" : "natsUser";
    say(lone, "--nats-user NAME and --nats-password-file FILE go together");
  }
  if ((settings.natsCert === undefined) !== (settings.natsKey === undefined)) {
    const lone = settings.natsCert === undefined ? "natsKey" : "natsCert";
    say(lone, "--nats-cert FILE and --nats-key FILE go together");
  }
  return found;
}
