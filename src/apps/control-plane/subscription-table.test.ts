import { expect, test } from "vitest";
import type { ServiceKey } from "../../core/model/names.ts";
import { SubscriptionTable } from "./subscription-table.ts";

const named = (i: number) => ({ view: { key: `default/s${i}` as ServiceKey } });

test.each([3, 16, 17, 50])("finds, lists and forgets %d services", (count) => {
  const table = new SubscriptionTable<ReturnType<typeof named>>();
  const all = Array.from({ length: count }, (_, i) => named(i));
  for (const each of all) table.add(each);
  expect(table.size).toBe(count);
  for (const each of all) expect(table.get(each.view.key)).toBe(each);
  expect(table.has("default/other" as ServiceKey)).toBe(false);
  const [first, ...rest] = all;
  if (first !== undefined) table.delete(first);
  expect([...table.values()]).toEqual(rest);
  expect(table.keys()).toEqual(rest.map(({ view }) => view.key));
});
