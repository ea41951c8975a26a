import { nkeys } from "nats";

type Key = ReturnType<typeof nkeys.createUser>;

/** Of everything: no limit. */
const NO_LIMIT = -1;

/**
 * An operator, an account with JetStream and a user in it, as `nsc` makes them.
 * @returns `config`, what a NATS server is told of them; `creds`, the user's file
 */
export function natsCredentials(may: {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}): { readonly config: string; readonly creds: string } {
  const operator = nkeys.createOperator();
  const account = nkeys.createAccount();
  const system = nkeys.createAccount();
  const user = nkeys.createUser();
  const limits = Object.fromEntries(
    ["subs", "data", "payload", "imports", "exports", "conn", "leaf"].map((name) => [
      name,
      NO_LIMIT,
    ]),
  );
  const storage = { mem_storage: NO_LIMIT, disk_storage: NO_LIMIT, streams: 2, consumer: NO_LIMIT };
  const operatorJwt = jwt(operator, operator, "operator", {});
  const unlimited = { limits: { ...limits, wildcards: true } };
  // JetStream wants an account of the server's own, in which it is off.
  const systemJwt = jwt(operator, system, "account", unlimited);
  const accountJwt = jwt(operator, account, "account", {
    limits: { ...unlimited.limits, ...storage },
  });
  const userJwt = jwt(account, user, "user", {
    ...{ pub: { allow: may.publish }, sub: { allow: may.subscribe } },
    ...{ subs: NO_LIMIT, data: NO_LIMIT, payload: NO_LIMIT },
  });
  return {
    config: `operator: "${operatorJwt}"
system_account: ${system.getPublicKey()}
resolver: MEMORY
resolver_preload: {
  ${system.getPublicKey()}: "${systemJwt}"
  ${account.getPublicKey()}: "${accountJwt}"
}`,
    creds: `-----BEGIN NATS USER JWT-----
${userJwt}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
${Buffer.from(user.getSeed()).toString()}
------END USER NKEY SEED------
`,
  };
}

/** Source: github.com/nats-io/jwt, version 2 of its claims. */
function jwt(issuer: Key, subject: Key, type: string, claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const head = part({ typ: "JWT", alg: "ed25519-nkey" });
  const body = part({
    ...{ jti: "test", iat: Math.floor(Date.now() / 1_000), name: type },
    ...{ iss: issuer.getPublicKey(), sub: subject.getPublicKey() },
    nats: { ...claims, type, version: 2 },
  });
  const signature = issuer.sign(Buffer.from(`${head}.${body}`));
  return `${head}.${body}.${Buffer.from(signature).toString("base64url")}`;
}
