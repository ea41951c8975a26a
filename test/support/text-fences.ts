import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A file of the repository, from its path in it. */
export function repositoryFile(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

/**
 * The code below each `<!-- KIND: NAME -->` of a Markdown file, by name: what is shown to a reader
 * and run by a test is then the same text.
 */
export function fencesIn(path: string, kind: string): ReadonlyMap<string, string> {
  const text = readFileSync(repositoryFile(path), "utf8");
  const pattern = new RegExp(
    `^<!-- ${kind}: (\\S+) -->\\n+\`\`\`\\w*\\n([\\s\\S]*?)^\`\`\`$`,
    "gm",
  );
  return new Map([...text.matchAll(pattern)].map(([, name = "", code = ""]) => [name, code]));
}
