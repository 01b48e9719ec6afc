import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { stripVTControlCharacters } from "node:util";

import { expect, test } from "vitest";

import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";

const root = join(import.meta.dirname, "..", "..");

test.each([
  ["", "/preflight"],
  ["1", "secrets init"],
])(
  "what starts the sandbox (SANDBOX_EMPTY=%s) says where it is and what to try, and ends when told to",
  async (empty, firstStep) => {
    await using temporary = await temporaryDirectory("sandbox-main");
    const data = join(temporary.path, "world");
    const child = spawn(process.execPath, ["sandbox/main.ts"], {
      cwd: root,
      env: { ...process.env, SANDBOX_DATA: data, SANDBOX_PORT: "4950", SANDBOX_EMPTY: empty },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exit = once(child, "exit");
    let said = "";
    let url: string | undefined;
    let log: string | undefined;
    let database = false;
    for await (const line of createInterface(child.stdout)) {
      said += `${line}\n`;
      url ??= /The ops group\s+\S*?(http:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1];
      log ??= /The bot.s log\s+(\/\S+\/bot\.log)/.exec(stripVTControlCharacters(line))?.[1];
      if (line.includes("Ctrl-C")) {
        database = existsSync(join(dirname(log ?? ""), "postgres/cluster/postmaster.pid"));
        child.kill("SIGINT");
      }
    }
    const [code] = await exit;
    expect(url).toBeDefined();
    // Whoever follows it at once, at a terminal too, finds a bot that is there.
    expect(database).toBe(true);
    expect(said).toContain(firstStep);
    expect(said).toContain("Stopping");
    expect(code).toBe(0);
    expect(await readFile(`${data}.env`, "utf8")).toContain("SANDBOX_API_URL");
  },
);
