import { beforeEach, describe, expect, test } from "vitest";
import { FakeCli } from "../../../test/support/fake-cli.ts";
import { aListing } from "../../../test/support/fake-policy-api.ts";

let cli: FakeCli;
const orders = { namespace: "default", service: "orders", balancing: "peak_ewma" };

beforeEach(() => {
  cli = new FakeCli();
});

describe("apply", () => {
  test("takes every document of a file, in their order", async () => {
    cli.files.set(
      "p.yaml",
      "service: orders\nbalancing: random\n---\n- {service: carts, namespace: shop, balancing: peak_ewma}\n",
    );
    expect(await cli.run("policy apply -f p.yaml")).toBe(0);
    expect(cli.api.policies.calls).toEqual([
      'apply default/orders random "" process-1',
      'apply shop/carts peak_ewma "" process-1',
    ]);
    expect(cli.out).toContain("applied shop/carts: peak_ewma (revision 7)");
  });

  test("takes back what get printed, with its etag", async () => {
    cli.api.policies.present = [aListing(orders)];
    await cli.run("policy get orders -o json");
    cli.files.set("p.json", cli.out);
    expect(await cli.run("policy apply -f p.json --dry-run")).toBe(0);
    expect(cli.api.policies.calls).toEqual(['apply default/orders peak_ewma "e-7" dry process-1']);
    cli.out = "";
    await cli.run("policy get orders");
    cli.files.set("p.yaml", cli.out);
    expect(await cli.run("policy apply -f p.yaml --etag none")).toBe(6);
  });

  test.each([
    ["balancing: fastest\nservice: orders", /balancing: "fastest" is unknown; use one of random/],
    ["service: orders", /balancing: is missing/],
    ["service: Or ders\nbalancing: random", /service: "Or ders" is not allowed/],
    ["service: orders\nbalancin: random", /balancin: .*did you mean "balancing"/],
    ["service: orders\nbalancing: random\n---\nservice: carts", /p.yaml #2: balancing/],
    ["a: [", /p.yaml is not YAML/],
    ["", /holds no policy/],
    ["- hello", /p.yaml: /],
  ])("refuses %j before anything is sent", async (text, message) => {
    cli.files.set("p.yaml", text);
    expect(await cli.run("policy apply -f p.yaml")).toBe(2);
    expect(cli.said).toMatch(message);
    expect(cli.connected).toEqual([]);
  });

  test("passes on what the operator should know", async () => {
    cli.files.set("p.yaml", "service: orders\nbalancing: random");
    cli.api.policies.warning = "the server keeps no state";
    await cli.run("policy apply -f p.yaml");
    expect(cli.said).toContain("note: the server keeps no state");
  });
});

test("list and history are tables, or JSON", async () => {
  expect(await cli.run("policy list")).toBe(0);
  expect(cli.said).toContain("no policies");
  cli.api.policies.present = [aListing(orders), aListing(orders, { isDeleted: true, revision: 6 })];
  await cli.run("policy list");
  expect(cli.out).toMatch(/default +orders +peak_ewma +7 +2023-11-14T22:13:20.000Z +ann/);
  await cli.run("policy history orders");
  expect(cli.out).toMatch(/6 +2023\S+ +ann +\(deleted\)/);
  cli.out = "";
  await cli.run("policy history orders -o json");
  expect(JSON.parse(cli.out)).toMatchObject({ revisions: [{ revision: 7 }, { deleted: true }] });
});

test("delete and rollback say what they did", async () => {
  await cli.run("policy delete shop/carts --etag e-1");
  await cli.run("policy rollback orders 3");
  expect(cli.api.policies.calls).toEqual([
    'delete shop/carts "e-1" process-1',
    'rollback default/orders 3 "" process-1',
  ]);
  expect(cli.out).toContain("deleted the policy of shop/carts");
  expect(cli.out).toContain("rolled back default/orders: random");
  expect(await cli.run("policy rollback orders zero")).toBe(2);
});

test("import never replaces what is there", async () => {
  cli.kept = [orders, { ...orders, service: "carts" }];
  cli.api.policies.present = [aListing(orders)];
  expect(await cli.run("policy import state/policies")).toBe(0);
  expect(cli.out).toContain("imported 1 policy of state/policies");
  expect(cli.said).toContain("default/orders has a policy already");
});
