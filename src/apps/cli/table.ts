import { styleText } from "node:util";

/** A column of a table; figures are easier to compare when they end in line. */
export interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  readonly isFigure?: boolean;
}

/** Between columns. */
const GAP = "  ";

/** What a terminal would obey instead of show: somebody else chose the labels in a table. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point.
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f-\u009f]/g;

/** Rows in columns as wide as their widest cell, with a heading; ends with a line break. */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  hasColours: boolean,
): string {
  const titles = columns.map(({ title }) => title);
  const cells = rows.map((row) => columns.map(({ text }) => printable(text(row)) || "-"));
  const widths = titles.map((title, index) =>
    cells.reduce((width, line) => Math.max(width, (line[index] ?? "").length), title.length),
  );
  const format = (line: readonly string[]): string =>
    line
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        return columns[index]?.isFigure ? cell.padStart(width) : cell.padEnd(width);
      })
      .join(GAP)
      .trimEnd();
  const heading = format(titles);
  const lines = [hasColours ? styled("bold", heading) : heading, ...cells.map(format)];
  return `${lines.join("\n")}\n`;
}

/** Text that shows what it holds and does nothing to the terminal. */
export function printable(text: string): string {
  return text.replace(CONTROL_CHARACTERS, "?");
}

/** The caller has decided already whether there are colours. */
export function styled(format: "bold" | "red" | "green" | "yellow", text: string): string {
  return styleText(format, text, { validateStream: false });
}
