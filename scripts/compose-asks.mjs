/** Programs that run inside the containers of docker-compose.yml, each with `node -e`. */

/**
 * GETs through the agent of this container, of all services in turn, until standard input ends. Each
 * of four workers waits between two, so that it is the faults that are looked at and not the load.
 */
export const LOAD = `
  const { Agent, get } = require("node:http");
  const services = process.argv.slice(1);
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const seen = { requests: 0, failed: 0, firstFailure: "", slowestMs: 0 };
  const one = (service) => new Promise((resolve) => {
    const startedAtMs = performance.now();
    const end = (why) => {
      if (why !== "") { seen.failed++; seen.firstFailure ||= service + ": " + why; }
      seen.slowestMs = Math.max(seen.slowestMs, Math.round(performance.now() - startedAtMs));
      resolve();
    };
    seen.requests++;
    const options = { host: "127.0.0.1", port: 15001, agent, headers: { host: service + ".weir" } };
    const call = get(options, (answer) => {
      let body = "";
      answer.on("data", (part) => { body += part; });
      answer.on("end", () => end(answer.statusCode === 200 ? "" : answer.statusCode + " " + body.trim()));
      answer.on("error", (error) => end(error.message));
    });
    call.on("error", (error) => end(error.message));
  });
  let isOver = false;
  process.stdin.on("data", () => undefined).on("end", () => { isOver = true; });
  const worker = async (at) => {
    for (let n = at; !isOver; n++) {
      await one(services[n % services.length]);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  one(services[0]).then(() => console.log("running"));
  Promise.all([worker(0), worker(1), worker(2), worker(3)]).then(() => {
    console.log(JSON.stringify(seen));
    process.exit();
  });`;

/** One GET through the agent of this container. */
export const REQUEST = `
  const { get } = require("node:http");
  const headers = { host: process.argv[1] + ".weir" };
  get({ host: "127.0.0.1", port: 15001, headers }, async (answer) => {
    let body = "";
    for await (const part of answer) body += part;
    console.log(JSON.stringify({ status: answer.statusCode, body }));
  }).on("error", (error) => console.log(JSON.stringify({ status: 0, body: error.message })));`;

/** What process 1 of this container may do. */
export const RIGHTS = `
  const { readFileSync, writeFileSync } = require("node:fs");
  const write = (path) => { try { writeFileSync(path, "x"); return "ok"; } catch (error) { return error.code; } };
  console.log(JSON.stringify({
    uid: process.getuid(), gid: process.getgid(),
    capabilities: /^CapEff:\\s*(\\w+)/m.exec(readFileSync("/proc/1/status", "utf8"))[1],
    rootWrite: write("/opt/weir/dist/written"), stateWrite: write("/var/lib/weir/written"),
  }));`;

/** The records that the replica of this container serves, a line each: what all replicas must agree on. */
export const RECORDS = `
  const services = process.argv.slice(1);
  const of = async (service) => {
    const answer = await fetch("http://127.0.0.1:7401/instances?service=" + service);
    if (answer.status === 404) return [];
    return (await answer.json()).map((one) =>
      [service, one.id, one.registrationId, one.state, one.draining ? "draining" : "serving"].join(" "));
  };
  Promise.all(services.map(of)).then((lists) => console.log(JSON.stringify(lists.flat().sort())));`;

/** The endpoints that the agent of this container picks from, and the policy of each service. */
export const PICKS = `
  fetch("http://127.0.0.1:15000/endpoints").then((answer) => answer.json()).then(({ services }) => {
    const picked = services.flatMap(({ service, endpoints }) => endpoints
      .filter((one) => one.isPicked)
      .map((one) => [service.replace("default/", ""), one.id, one.registrationId].join(" ")));
    const policies = Object.fromEntries(services.map(({ service, policy }) => [service, policy]));
    console.log(JSON.stringify({ picked: picked.sort(), policies }));
  });`;
