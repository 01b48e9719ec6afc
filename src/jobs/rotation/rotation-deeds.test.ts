import { describe, expect, test } from "vitest";

import type { CoolifyDeployment } from "../../systems/coolify.ts";
import { redeployDeed } from "./rotation-deeds.ts";

const OLD = "a".repeat(40);
const NEW = "b".repeat(40);

const row = (uuid: string, change: Partial<CoolifyDeployment>): CoolifyDeployment => ({
  uuid,
  commit: OLD,
  status: "finished",
  createdAt: new Date("2026-11-01T10:00:00Z"),
  finishedAt: new Date("2026-11-01T10:01:00Z"),
  isPreview: false,
  isRollback: false,
  ...change,
});
const before = row("before", {});
const coming = row("coming", { commit: "HEAD", status: "queued", finishedAt: undefined });
const came = row("coming", { commit: NEW });
const preview = row("preview", { commit: NEW, status: "in_progress", isPreview: true });

/** A Coolify that lists one thing after the other, and the last of them for ever. */
function redeploying(lists: readonly (readonly CoolifyDeployment[])[], withinMs = 20_000) {
  let looks = 0;
  return redeployDeed({
    name: "api is made anew",
    application: "api",
    withinMs,
    coolify: {
      application: async () => ({ buildPack: "dockerfile" }) as never,
      deployments: async () => lists[Math.min(looks++, lists.length - 1)] ?? [],
      deployment: async () => undefined,
      deployCommit: async () => "ours",
    },
  });
}

const context = {
  signal: new AbortController().signal,
  run: "R-1",
  key: "k",
  results: {},
  report: () => {},
};

describe("making an application anew", () => {
  test("keeps the commit that runs", async () => {
    const deed = redeploying([[preview, before]]);
    expect(await deed.baseline?.(context)).toMatchObject({ commit: OLD });
  });

  test("waits for a release that is on its way, and keeps that", async () => {
    const deed = redeploying([
      [coming, before],
      [coming, before],
      [came, before],
    ]);
    expect(await deed.baseline?.(context)).toMatchObject({
      commit: NEW,
      before: { uuids: ["coming", "before"] },
    });
  });

  test("is not begun behind a deployment that does not end", async () => {
    const deed = redeploying([[coming, before]], 50);
    await expect(deed.baseline?.(context)).rejects.toThrow(
      "deployment coming of api was there before and has not ended after 50ms; end it in Coolify, and ask again",
    );
  });
});
