import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/** Of 100: services of a distribution that are called hardened have 20 and more. */
const MAX_EXPOSURE = 15;

function systemdAnalyze(...args: string[]) {
  const { error, status, stdout, stderr } = spawnSync("systemd-analyze", args, {
    encoding: "utf8",
  });
  // Without systemd, or with one that is too old for this, the file itself is checked all the same.
  if (error !== undefined || /unrecognized option/.test(stderr)) return undefined;
  return { status, said: `${stdout}${stderr}` };
}

test.each([
  { unit: "weir-server", starts: /^ExecStart=\/usr\/bin\/env weir server$/m },
  { unit: "weir-agent", starts: /^ExecStart=\/usr\/bin\/env weir agent --config \S+$/m },
])("$unit.service is a unit that systemd accepts, without rights", ({ unit, starts }) => {
  const path = fileURLToPath(new URL(`../../packaging/systemd/${unit}.service`, import.meta.url));
  const text = readFileSync(path, "utf8");
  expect(text).toMatch(starts);
  expect(text).toContain(`StateDirectory=${unit}\n`);
  expect(text).toContain(`Environment=WEIR_STATE_DIR=/var/lib/${unit}\n`);
  expect(text).toContain("ExecReload=/bin/kill -HUP $MAINPID\n");
  for (const line of ["DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes"]) {
    expect(text.split("\n")).toContain(line);
  }
  const verified = systemdAnalyze("verify", path);
  expect(verified?.said ?? "").toBe("");
  expect(verified?.status ?? 0).toBe(0);
  const exposed = systemdAnalyze("security", "--offline=true", `--threshold=${MAX_EXPOSURE}`, path);
  expect(exposed?.status ?? 0, exposed?.said).toBe(0);
});
