import { spawn } from "node:child_process";
import { chmod, mkdir, readFile, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { root } from "./documents.ts";

/** Programs that would touch a real production, this machine or the network: here they only note how they were called. */
const STOOD_IN = ["docker", "sudo", "git", "age", "npm", "npx", "flightdeck"] as const;

/** What a reader has at hand, and what is read from the checkout. */
const LINKED = ["ops", "scripts", "compose.yaml", "package.json"];

/** Notes its name and arguments in a file of its own, for the ends of a pipe do so at once, and answers what the next program in a pipe waits for. */
const STAND_IN = `#!/bin/bash
printf '%s\\0' "\${0##*/}" "$@" > "$CALLS/$$"
[ "\${0##*/}" = sudo ] && case " $* " in *" /dev/stdin "*|*" tee "*) cat > /dev/null ;; esac
case " $* " in
  *" age-keygen"*) echo AGE-SECRET-KEY-1SAMPLE ;;
  *npm.cdx.json*) echo '{"components":[]}' ;;
esac
exit 0
`;

export type Call = { readonly program: string; readonly argv: readonly string[] };
export type Ran = {
  readonly code: number | null;
  readonly said: string;
  readonly calls: readonly Call[];
};

/** Runs a block in an empty folder as a reader would, with stand-ins for what must not be touched. */
export async function runBlock(
  text: string,
  environment: Readonly<Record<string, string>>,
): Promise<Ran> {
  await using directory = await temporaryDirectory("document");
  const programs = join(directory.path, "programs");
  const place = join(directory.path, "checkout");
  const calls = join(directory.path, "calls");
  await mkdir(programs);
  await mkdir(place);
  await mkdir(calls);
  for (const name of LINKED) await symlink(join(root, name), join(place, name));
  for (const name of STOOD_IN) {
    await writeFile(join(programs, name), STAND_IN);
    await chmod(join(programs, name), 0o755);
  }
  const child = spawn("bash", ["-euo", "pipefail", "-c", text], {
    cwd: place,
    env: { PATH: `${programs}:${process.env["PATH"] ?? ""}`, CALLS: calls, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 20_000,
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data: Buffer) => (said += data.toString()));
  }
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  const noted = await Promise.all(
    (await readdir(calls)).map((name) => readFile(join(calls, name), "utf8")),
  );
  return {
    code,
    said,
    calls: noted.map((note) => {
      const [program = "", ...argv] = note.split("\0").slice(0, -1);
      return { program, argv };
    }),
  };
}
