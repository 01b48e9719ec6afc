import { mkdir, readdir, symlink, utimes, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { serverUser } from "./server-user.ts";
import { makeSocketDirectory, socketDirectoryOf } from "./socket-directory.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

describe("where a socket lies", () => {
  const root = "/srv/flightdeck";
  // "/socket/redis.sock" takes 18 of the 103 bytes that macOS allows.
  const longestBytes = 103 - 18;

  test.each([
    ["a short path", `${root}/redis`],
    ["the longest that fits", root.padEnd(longestBytes, "-")],
  ])("is beside the data for %s", (_, directory) => {
    expect(socketDirectoryOf(directory, "redis.sock")).toBe(join(directory, "socket"));
  });

  test.each([
    ["one byte more", root.padEnd(longestBytes + 1, "-")],
    ["few letters of many bytes", `${root}/${"ж".repeat(40)}`],
  ])("is a short directory of its own for %s", (_, directory) => {
    const found = socketDirectoryOf(directory, "redis.sock");
    expect(found).toMatch(/\/flightdeck-[0-9a-f]{16}$/);
    expect(socketDirectoryOf(directory, "redis.sock")).toBe(found);
    expect(socketDirectoryOf(`${directory}x`, "redis.sock")).not.toBe(found);
  });

  test("goes away when it is empty and nobody touched it lately", async () => {
    await using temporary = await temporaryDirectory("socket");
    const [unused, used, young] = ["1", "2", "3"].map((digit) =>
      join(temporary.path, `flightdeck-${digit.repeat(16)}`),
    ) as [string, string, string];
    for (const path of [unused, used, young]) await mkdir(path);
    await writeFile(join(used, "redis.sock"), "");
    const yesterday = new Date(Date.now() - 24 * 60 * 60_000);
    for (const path of [unused, used]) await utimes(path, yesterday, yesterday);
    await makeSocketDirectory(
      join(temporary.path, "flightdeck-4444444444444444"),
      await serverUser("nobody"),
    );
    const left = (await readdir(temporary.path)).map((name) => name.at(-1));
    expect(new Set(left)).toEqual(new Set(["2", "3", "4"]));
  });

  test("is refused when somebody else has put something there", async () => {
    await using temporary = await temporaryDirectory("socket");
    const elsewhere = join(temporary.path, "elsewhere");
    const planted = join(temporary.path, "planted");
    await mkdir(elsewhere);
    await symlink(elsewhere, planted);
    const user = await serverUser("nobody");
    await expect(makeSocketDirectory(planted, user)).rejects.toThrow(/belongs to another user/);
    const stranger = { ...user, name: "stranger", uid: user.uid + 1 };
    await expect(
      makeSocketDirectory(userInfo().uid === 0 ? planted : "/", stranger),
    ).rejects.toThrow(/belongs to another user/);
  });
});
