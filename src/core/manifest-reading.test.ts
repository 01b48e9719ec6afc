import { expect, test } from "vitest";

import { readManifest } from "./manifest-reading.ts";
import { rowText } from "./manifest.ts";

const NAME = "20261123T030405Z.manifest.json";
const sound = {
  format: "flightdeck-backup",
  v: 1,
  id: "20261123T030405Z",
  target: "sandbox",
  origin: "flightdeck/evidence/sandbox",
  run: "R-1",
  config: "c",
  build: "b",
  artifact: {
    key: "20261123T030405Z.dump.zst.age",
    bytes: 10,
    sha256: "a".repeat(64),
    dump: "pg_dump custom",
    compression: "zstd",
    encryption: "age",
    recipients: { drill: "age1a", recovery: "age1b" },
    listed: 7,
  },
  snapshotAt: "2026-11-23T03:04:05.000Z",
  madeAt: "2026-11-23T03:04:06.000Z",
  source: {
    systemIdentifier: "1",
    database: "product",
    databaseBytes: 10,
    serverVersion: "15.18",
    serverVersionNumber: 150_018,
    clientVersion: "15.18",
    encoding: "UTF8",
    collation: "C",
    walPosition: null,
    migrationHeads: [],
    extensions: [],
    tables: [],
    sequences: [],
    structure: [],
    structureDigest: "a".repeat(64),
    rowText,
  },
};

test("a manifest that is sound is read, also from a file that somebody has renamed", () => {
  const text = JSON.stringify(sound);
  expect(readManifest(text, NAME)).toEqual({ kind: "read", manifest: sound });
  expect(readManifest(text, "copy.manifest.json").kind).toBe("read");
});

test("one of a later version is not called broken", () => {
  const later = JSON.stringify({ format: sound.format, v: 2, whatever: "it holds" });
  expect(readManifest(later, NAME)).toEqual({
    kind: "later",
    reason: `${NAME} is of version 2, and this Flightdeck reads version 1; a newer one reads it`,
  });
});

test.each([
  ["is empty", "", /is no JSON$/],
  ["was cut", JSON.stringify(sound).slice(0, -40), /is no JSON$/],
  ["is something else", '{"v": 2}', /no manifest that this version knows: format/],
  ["has no version", JSON.stringify({ ...sound, v: "1" }), /that this version knows: v: /],
  [
    "counts what cannot be",
    JSON.stringify({ ...sound, artifact: { ...sound.artifact, bytes: -1 } }),
    /artifact\.bytes/,
  ],
  [
    "is that of another backup",
    JSON.stringify({ ...sound, id: "20200101T000000Z" }),
    /is the manifest of 20200101T000000Z/,
  ],
  [
    "names another file",
    JSON.stringify({ ...sound, artifact: { ...sound.artifact, key: "other" } }),
    /whose file is other/,
  ],
])("one that %s is unreadable, and it is said where and why", (_what, text, reason) => {
  expect(readManifest(text, NAME)).toEqual({
    kind: "unreadable",
    reason: expect.stringMatching(reason),
  });
});
