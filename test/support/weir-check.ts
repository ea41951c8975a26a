import { WeirProcess } from "./weir-process.ts";

/** One finding, as programs read it. */
export interface CheckFinding {
  readonly id: string;
  readonly severity: string;
  readonly subject: string;
  readonly what: string;
  readonly fix: string;
}

/** What one run of the command said. */
export class CheckRun {
  readonly exit: number | string;
  readonly findings: readonly CheckFinding[];

  constructor(exit: number | string, findings: readonly CheckFinding[]) {
    this.exit = exit;
    this.findings = findings;
  }

  get ids(): string[] {
    return this.findings.map(({ id }) => id);
  }

  /** What it says of one kind of fault, line by line: subject, words and mend. */
  of(id: string): string {
    return this.findings
      .filter((finding) => finding.id === id)
      .map(({ subject, what, fix }) => `${subject} | ${what} | ${fix}`)
      .join("\n");
  }
}

/** Runs `weir check -o json` as people do, as a process of its own. */
export async function weirCheck(...args: readonly string[]): Promise<CheckRun> {
  const weir = new WeirProcess(["check", "-o", "json", ...args]);
  const exit = await weir.exited;
  if (weir.stdout === "") throw new Error(`weir check printed nothing: ${weir.stderr}`);
  const { findings } = JSON.parse(weir.stdout) as { findings: CheckFinding[] };
  return new CheckRun(exit, findings);
}
