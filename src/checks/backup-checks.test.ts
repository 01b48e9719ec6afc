import { describe, expect, test } from "vitest";

import { artifactNames, backupIdOf } from "../core/manifest.ts";
import { statusOf } from "../core/status.ts";
import { NotConfiguredError } from "../systems/not-configured-error.ts";
import { backupFresh } from "./backup-fresh.ts";
import { backupOffSite } from "./backup-off-site.ts";
import { diskRoom } from "./disk-room.ts";

const HOUR_MS = 3_600_000;
const signal = new AbortController().signal;
const idOf = (agoMs: number): string => backupIdOf(new Date(Date.now() - agoMs));
const recovery = "age1recovery";

function bucketWith(files: Readonly<Record<string, number>>, text?: string) {
  return {
    bucket: {
      place: "store.example.com/backups/alpha/",
      list: async () => Object.entries(files).map(([name, bytes]) => ({ name, bytes })),
      readText: async () => text,
    } as never,
  };
}

describe("backup-fresh", () => {
  test.each<[string, readonly string[], "pass" | "fail", RegExp]>([
    ["an hour old", [idOf(HOUR_MS), idOf(50 * HOUR_MS)], "pass", /1h old/],
    ["too old", [idOf(30 * HOUR_MS), idOf(50 * HOUR_MS)], "fail", /1d 6h old/],
    ["not there", [], "fail", /there is none in store.example.com/],
  ])("a newest backup that is %s", async (_what, ids, status, words) => {
    const files = Object.fromEntries(ids.map((id) => [artifactNames(id).manifest, 10]));
    // What has no manifest never happened, however new it is.
    const systems = bucketWith({ ...files, [artifactNames(idOf(0)).artifact]: 10 });
    const seen = await backupFresh.observe({ systems, settings: { within: 26 * HOUR_MS } }, signal);
    expect(statusOf(seen.observations)).toBe(status);
    expect(seen.observations[0]?.actual).toMatch(words);
  });
});

describe("as long as no backup is due", () => {
  const soon = new Date(Date.now() + HOUR_MS).toISOString();
  const past = new Date(Date.now() - HOUR_MS).toISOString();
  const settings = { within: 26 * HOUR_MS, awayFrom: [], dueFrom: soon };
  const kinds = { "backup-fresh": backupFresh, "backup-off-site": backupOffSite };

  test.each(Object.entries(kinds))("having none is no failure of %s", async (_kind, kind) => {
    const asked = kind.observe({ systems: bucketWith({}), settings }, signal);
    await expect(asked).rejects.toThrow(`there is no backup yet, and none is due before ${soon}`);
    await expect(asked).rejects.toBeInstanceOf(NotConfiguredError);
    const late = { ...settings, dueFrom: past };
    const { observations } = await kind.observe(
      { systems: bucketWith({}), settings: late },
      signal,
    );
    expect(statusOf(observations)).toBe("fail");
  });

  test("one that is there and too old fails all the same", async () => {
    const systems = bucketWith({ [artifactNames(idOf(30 * HOUR_MS)).manifest]: 10 });
    const { observations } = await backupFresh.observe({ systems, settings }, signal);
    expect(statusOf(observations)).toBe("fail");
  });
});

describe("backup-off-site", () => {
  const id = idOf(HOUR_MS);
  const names = artifactNames(id);
  const digest = "0".repeat(64);
  const manifest = JSON.stringify({
    format: "flightdeck-backup",
    v: 1,
    id,
    target: "alpha",
    origin: "o",
    run: "R-7",
    config: "c",
    build: "1",
    artifact: {
      key: names.artifact,
      bytes: 500,
      sha256: digest,
      dump: "pg_dump custom",
      compression: "zstd",
      encryption: "age",
      recipients: { drill: "age1drill", recovery },
      listed: 3,
    },
    snapshotAt: "2026-11-23T03:04:05.000Z",
    madeAt: "2026-11-23T03:04:05.000Z",
    source: {
      systemIdentifier: null,
      database: "d",
      databaseBytes: 1,
      serverVersion: "15",
      serverVersionNumber: 150_000,
      clientVersion: "15",
      encoding: "UTF8",
      collation: "C",
      walPosition: null,
      migrationHeads: [],
      extensions: [],
      tables: [],
      sequences: [],
      structure: [],
      structureDigest: digest,
      rowText: {
        timezone: "UTC",
        datestyle: "ISO, YMD",
        intervalstyle: "iso_8601",
        extra_float_digits: "1",
        bytea_output: "hex",
        search_path: "",
      },
    },
  });
  const look = async (
    change: {
      readonly bytes?: number;
      readonly awayFrom?: readonly string[];
      readonly recovery?: string;
    } = {},
  ) => {
    const systems = bucketWith(
      { [names.manifest]: 10, [names.artifact]: change.bytes ?? 500 },
      manifest,
    );
    const settings = {
      awayFrom: [...(change.awayFrom ?? ["production.example.com"])],
      recovery: change.recovery ?? recovery,
    };
    return backupOffSite.observe({ systems, settings }, signal);
  };

  test("passes when it is whole, elsewhere, and sealed for the safe", async () => {
    const { observations } = await look();
    expect(observations).toHaveLength(3);
    expect(statusOf(observations)).toBe("pass");
  });

  test.each<[string, Parameters<typeof look>[0], string]>([
    ["short of bytes", { bytes: 499 }, `bytes of ${id}`],
    ["on the host that it is there for", { awayFrom: ["store.example.com"] }, "where it is"],
    ["sealed for another key", { recovery: "age1another" }, "sealed for recovery"],
  ])("fails when it is %s", async (_what, change, what) => {
    const { observations } = await look(change);
    expect(observations.filter(({ ok }) => !ok).map((one) => one.what)).toEqual([what]);
  });

  test("fails when there is none, and cannot tell when the manifest cannot be read", async () => {
    const settings = { awayFrom: [], recovery: undefined };
    const none = await backupOffSite.observe({ systems: bucketWith({}), settings }, signal);
    expect(statusOf(none.observations)).toBe("fail");
    const strange = bucketWith({ [names.manifest]: 10 }, "{}");
    await expect(backupOffSite.observe({ systems: strange, settings }, signal)).rejects.toThrow(
      /cannot be read by this version/,
    );
  });
});

describe("disk-room", () => {
  test.each<[number, number | undefined, "pass" | "fail"]>([
    [20, undefined, "pass"],
    [14, undefined, "fail"],
    [20, 10, "pass"],
    [20, 200, "fail"],
  ])("with %d %% of 100 MiB free and %s MiB wanted: %s", async (percent, wanted, status) => {
    const total = 100 * 1024 * 1024;
    const room = async () => ({ freeBytes: (total * percent) / 100, totalBytes: total });
    const { observations } = await diskRoom.observe(
      {
        systems: { disk: { room } },
        settings: { folder: "data", atLeastPercent: 15, atLeastMebibytes: wanted },
      },
      signal,
    );
    expect(statusOf(observations)).toBe(status);
  });
});
