import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { claimCluster, readPostmaster } from "./postgres-running.ts";

let cluster: string;
beforeEach(async () => {
  cluster = await mkdtemp(join(tmpdir(), "flightdeck-cluster-"));
});
afterEach(async () => {
  await rm(cluster, { recursive: true });
});

/** As a server leaves it that was killed: its pid, folder, start, port, socket, address, shared memory and state. */
async function leaveBehind(pid: number): Promise<readonly string[]> {
  const lines = [
    pid,
    cluster,
    1_790_000_000,
    5432,
    "/run/postgres",
    "",
    "  5432001  7",
    "ready   ",
  ];
  await writeFile(join(cluster, "postmaster.pid"), `${lines.join("\n")}\n`);
  return lines.map(String);
}

test("what a killed server said of being ready is not believed of the next one, which may get its pid", async () => {
  const { pid } = spawnSync("true");
  const before = await leaveBehind(pid);
  await claimCluster(cluster, new AbortController().signal);
  expect(await readPostmaster(cluster)).toMatchObject({ pid, state: "" });
  const after = (await readFile(join(cluster, "postmaster.pid"), "utf8")).split("\n");
  // By the rest Postgres finds backends that outlived it.
  expect(after.slice(0, 7)).toEqual(before.slice(0, 7));
});

test("a pid that is alive again as somebody else is replaced by ours, which Postgres takes for stale", async () => {
  await leaveBehind(process.ppid);
  await claimCluster(cluster, new AbortController().signal);
  expect(await readPostmaster(cluster)).toMatchObject({ pid: process.pid, state: "" });
});
