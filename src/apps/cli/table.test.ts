import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { type Column, printable, table } from "./table.ts";

interface Fruit {
  readonly name: string;
  readonly count: number;
}

const COLUMNS: readonly Column<Fruit>[] = [
  { title: "NAME", text: ({ name }) => name },
  { title: "COUNT", text: ({ count }) => String(count), isFigure: true },
  { title: "NOTE", text: ({ count }) => (count > 9 ? "many" : "") },
];

const FRUITS = [
  { name: "fig", count: 3 },
  { name: "blackberry", count: 120_000 },
];

test("columns are as wide as their widest cell, and figures end in line", () => {
  expect(table(COLUMNS, FRUITS, false)).toBe(
    ["NAME         COUNT  NOTE", "fig              3  -", "blackberry  120000  many", ""].join(
      "\n",
    ),
  );
});

test("colours change the look and not the text", () => {
  const plain = table(COLUMNS, FRUITS, false);
  const coloured = table(COLUMNS, FRUITS, true);
  expect(coloured).not.toBe(plain);
  expect(stripVTControlCharacters(coloured)).toBe(plain);
});

test("without rows there is a heading only", () => {
  expect(table(COLUMNS, [], false)).toBe("NAME  COUNT  NOTE\n");
});

test("a label cannot move the cursor or ring the bell", () => {
  expect(printable("a\u001b[2Jb\u0007c\nd\u009be")).toBe("a?[2Jb?c?d?e");
  const cell = table(COLUMNS, [{ name: "\u001b[31mred", count: 1 }], false);
  expect(cell).toContain("?[31mred");
});
