import { describe, expect, test } from "vitest";

import { judgeAnswers, judgeRecord, judgeTimes } from "./drill-answers.ts";
import { judgeArchive, judgeArtifact, judgeManifest, judgeOpening } from "./drill-artifact.ts";
import type { DrillCheck } from "./drill-check.ts";
import { judgeRowContents, judgeRowCounts, judgeStructure } from "./drill-contents.ts";
import { judgeRestore, judgeServer, judgeTeardown, majorFor } from "./drill-server.ts";
import { judgeMigration, judgePages, judgeSequences, judgeSoundness } from "./drill-soundness.ts";
import { statusOf, type Observation } from "./status.ts";

const digest = (letter: string): string => letter.repeat(64);
const table = { schema: "public", name: "tasks", rows: 7, rowHash: "42" };
const source = {
  serverVersionNumber: 150_018,
  clientVersion: "15.18",
  systemIdentifier: "1",
  tables: [table],
  extensions: [{ name: "pg_trgm", version: "1.6" }],
  sequences: [{ schema: "public", name: "ids", lastValue: "7" }],
  migrationHeads: ["c3a2"],
  collation: "en_US.UTF-8",
  encoding: "UTF8",
  structure: [
    { kind: "table" as const, name: "public.tasks", digest: digest("a") },
    { kind: "constraint" as const, name: "public.tasks.old", digest: digest("b") },
  ],
};
const server = { major: 15, systemIdentifier: "2", listensOn: "", socketMode: "700", objects: [] };
const structure = { objects: source.structure, extensions: source.extensions };
const sequence = { schema: "public", name: "ids", lastValue: "7", step: "1", farthest: "7" };
const sound = { invalidIndexes: [], orphans: [], unvalidated: [] };
const pages = { exitCode: 0, complaints: [], collation: "C.UTF-8" };
const snapshotAt = new Date("2026-11-23T03:00:00Z");
const budget = { recoveryMs: 60_000, lossMs: 60_000 };
const phase = { name: "restore", isRecovery: true, startedAt: "", durationMs: 60_000 };
const times = { phases: [phase], lostMs: 60_000, configuration: "fsync off" };
const asked = (value: string | undefined, error?: string) =>
  judgeAnswers(snapshotAt, [
    { expectation: { name: "tasks", atLeast: 1, atMost: 9 }, value, ...(error ? { error } : {}) },
  ]);
const newest = (value: string) =>
  judgeAnswers(snapshotAt, [{ expectation: { name: "newest", notOlderThanMs: 3_600_000 }, value }]);
const kept = { bytes: 10, sha256: digest("a") };
const fetched = { from: "bucket", ...kept };
const archive = { listed: 9, tables: ["public.tasks"], complaint: undefined };
const needs = { listed: 9, tables: ["public.tasks"] };
const record = Object.fromEntries(
  "backup backup-digest backup-run snapshot-at decided-at ended-at server programs tool steps"
    .split(" ")
    .map((name) => [name, "said"]),
);

type Row = readonly [what: string, observations: readonly Observation[]];

/** For each check what it lets pass, and every single thing that it does not. */
const JUDGEMENTS: Readonly<Record<DrillCheck, { readonly pass: Row[]; readonly fail: Row[] }>> = {
  "artifact-is-what-was-kept": {
    pass: [["the very bytes", judgeArtifact(kept, fetched)]],
    fail: [
      ["a manifest that nobody can read", judgeManifest({ kind: "unreadable", reason: "no JSON" })],
      ["another size", judgeArtifact(kept, { ...fetched, bytes: 9 })],
      ["another digest", judgeArtifact(kept, { ...fetched, sha256: digest("b") })],
    ],
  },
  "artifact-opens-with-its-key": {
    pass: [
      ["two keys", judgeOpening(["a", "b"], { kind: "opened", sealedFor: 2, archiveBytes: 1 })],
    ],
    fail: [
      ["a refusal", judgeOpening(["a", "b"], { kind: "refused", reason: "cut" })],
      [
        "sealed for one of two",
        judgeOpening(["a", "b"], { kind: "opened", sealedFor: 1, archiveBytes: 1 }),
      ],
      ["one key only", judgeOpening(["a"], { kind: "opened", sealedFor: 1, archiveBytes: 1 })],
      [
        "nothing in it",
        judgeOpening(["a", "b"], { kind: "opened", sealedFor: 2, archiveBytes: 0 }),
      ],
    ],
  },
  "archive-is-whole": {
    pass: [
      ["all of it", judgeArchive(needs, archive)],
      ["entries that nobody counted before", judgeArchive({ ...needs, listed: null }, archive)],
    ],
    fail: [
      ["fewer entries", judgeArchive(needs, { ...archive, listed: 8 })],
      ["none at all", judgeArchive({ ...needs, listed: null }, { ...archive, listed: 0 })],
      ["a table without rows in it", judgeArchive(needs, { ...archive, tables: [] })],
      ["a complaint", judgeArchive(needs, { ...archive, complaint: "end of file" })],
    ],
  },
  "server-is-fresh-and-apart": {
    pass: [
      ["a new one of the major", judgeServer(source, server)],
      ["a source that does not tell", judgeServer({ ...source, systemIdentifier: null }, server)],
    ],
    fail: [
      ["another major", judgeServer(source, { ...server, major: 16 })],
      ["production itself", judgeServer(source, { ...server, systemIdentifier: "1" })],
      ["an open port", judgeServer(source, { ...server, listensOn: "*" })],
      ["an open socket", judgeServer(source, { ...server, socketMode: "777" })],
      ["something in it", judgeServer(source, { ...server, objects: ["public.t"] })],
    ],
  },
  "restore-ends-without-error": {
    pass: [["0 and no word", judgeRestore({ exitCode: 0, complaints: [] })]],
    fail: [
      ["1", judgeRestore({ exitCode: 1, complaints: [] })],
      ["a kill", judgeRestore({ exitCode: null, complaints: [] })],
      ["0 and errors", judgeRestore({ exitCode: 0, complaints: ["error"] })],
    ],
  },
  "structure-is-the-same": {
    pass: [["the same", judgeStructure(source, structure)]],
    fail: [
      ["an object less", judgeStructure(source, { ...structure, objects: [] })],
      [
        "an object more",
        judgeStructure({ ...source, structure: [] }, { ...structure, objects: source.structure }),
      ],
      [
        "a changed one",
        judgeStructure(source, {
          ...structure,
          objects: source.structure.map((one) => ({ ...one, digest: digest("c") })),
        }),
      ],
      [
        "an extension of another version",
        judgeStructure(source, { ...structure, extensions: [{ name: "pg_trgm", version: "1.5" }] }),
      ],
    ],
  },
  "row-counts-are-the-same": {
    pass: [
      ["as many", judgeRowCounts(source, [table])],
      [
        "none of none",
        judgeRowCounts({ tables: [{ ...table, rows: 0 }] }, [{ ...table, rows: 0 }]),
      ],
    ],
    fail: [
      ["one less", judgeRowCounts(source, [{ ...table, rows: 6 }])],
      ["one more", judgeRowCounts(source, [{ ...table, rows: 8 }])],
      ["no table", judgeRowCounts(source, [])],
      ["a strange table", judgeRowCounts(source, [table, { ...table, name: "other" }])],
    ],
  },
  "row-contents-are-the-same": {
    pass: [
      ["the same", judgeRowContents(source, [table])],
      ["one that was too large", judgeRowContents({ tables: [{ ...table, rowHash: null }] }, [])],
    ],
    fail: [
      ["another hash", judgeRowContents(source, [{ ...table, rowHash: "43" }])],
      ["none", judgeRowContents(source, [{ ...table, rowHash: null }])],
    ],
  },
  "constraints-and-indexes-are-sound": {
    pass: [
      ["all sound", judgeSoundness(source, sound)],
      [
        "what the source left open",
        judgeSoundness(source, {
          ...sound,
          unvalidated: [{ name: "public.tasks.old", digest: digest("b") }],
        }),
      ],
    ],
    fail: [
      ["an invalid index", judgeSoundness(source, { ...sound, invalidIndexes: ["i"] })],
      ["an orphan", judgeSoundness(source, { ...sound, orphans: ["fk (1 rows)"] })],
      [
        "what the source had closed",
        judgeSoundness(source, {
          ...sound,
          unvalidated: [{ name: "public.tasks.old", digest: digest("c") }],
        }),
      ],
    ],
  },
  "sequences-are-ahead": {
    pass: [
      ["where it stood", judgeSequences(source, [sequence])],
      ["further", judgeSequences(source, [{ ...sequence, lastValue: "10" }])],
      [
        "one that counts down",
        judgeSequences({ sequences: [] }, [
          { ...sequence, step: "-1", lastValue: "-9", farthest: "-9" },
        ]),
      ],
      [
        "one that was never used",
        judgeSequences({ sequences: [{ schema: "public", name: "ids", lastValue: null }] }, [
          { ...sequence, lastValue: null, farthest: null },
        ]),
      ],
    ],
    fail: [
      ["behind its rows", judgeSequences({ sequences: [] }, [{ ...sequence, farthest: "10" }])],
      [
        "behind where it stood",
        judgeSequences(source, [{ ...sequence, lastValue: "6", farthest: null }]),
      ],
      ["gone", judgeSequences(source, [])],
      ["at its start, with rows", judgeSequences(source, [{ ...sequence, lastValue: null }])],
      [
        "one that counts down and is behind",
        judgeSequences({ sequences: [] }, [
          { ...sequence, step: "-1", lastValue: "-8", farthest: "-9" },
        ]),
      ],
    ],
  },
  "migration-is-the-same": {
    pass: [
      ["the same head", judgeMigration(source, ["c3a2"])],
      ["no migrations at all", judgeMigration({ migrationHeads: [] }, [])],
    ],
    fail: [
      ["an older one", judgeMigration(source, ["9c5f"])],
      ["none", judgeMigration(source, [])],
    ],
  },
  "index-pages-are-sound": {
    pass: [["no complaint, whatever the collation", judgePages(source, pages)]],
    fail: [
      ["a complaint", judgePages(source, { ...pages, complaints: ["item order"] })],
      ["2", judgePages(source, { ...pages, exitCode: 2 })],
      ["a kill", judgePages(source, { ...pages, exitCode: null })],
    ],
  },
  "application-queries-answer": {
    pass: [
      ["a number within", asked("9")],
      ["a young moment", newest("2026-11-23T02:00:00Z")],
    ],
    fail: [
      ["too few", asked("0")],
      ["too many", asked("10")],
      ["no row", asked(undefined)],
      ["no number", asked("many")],
      ["an empty text", asked("")],
      ["an error", asked(undefined, "no such table")],
      ["an old moment", newest("2026-11-23T01:59:59Z")],
      ["no moment", newest("yesterday")],
    ],
  },
  "times-are-within-budget": {
    pass: [["just within", judgeTimes(budget, times)]],
    fail: [
      ["too slow", judgeTimes(budget, { ...times, phases: [phase, phase] })],
      ["too much lost", judgeTimes(budget, { ...times, lostMs: 60_001 })],
      ["on nobody knows what", judgeTimes(budget, { ...times, configuration: "" })],
    ],
  },
  "nothing-is-left-behind": {
    pass: [["nothing", judgeTeardown({ processes: [], paths: [] })]],
    fail: [
      ["a server", judgeTeardown({ processes: ["postgres (7)"], paths: [] })],
      ["a folder", judgeTeardown({ processes: [], paths: ["/data/drill"] })],
    ],
  },
  "evidence-is-complete": {
    pass: [["all of it", judgeRecord(record)]],
    fail: Object.keys(record).map((name): Row => [name, judgeRecord({ ...record, [name]: "" })]),
  },
};

describe.each(Object.entries(JUDGEMENTS))("%s", (_check, { pass, fail }) => {
  test.each(pass)("passes with %s", (_what, observations) => {
    expect(statusOf(observations)).toBe("pass");
  });
  test.each(fail)("fails with %s", (_what, observations) => {
    expect(statusOf(observations)).toBe("fail");
  });
});

describe("time that only proves", () => {
  test("does not count for how long the way back takes", () => {
    const proof = { ...phase, name: "compare", isRecovery: false };
    expect(statusOf(judgeTimes(budget, { ...times, phases: [phase, proof] }))).toBe("pass");
  });
});

describe("the major that a backup is restored to", () => {
  test.each([
    [150_018, "15.18", 15],
    [150_018, "17.2", 17],
    [170_002, "", 17],
  ])("of a server %i dumped by pg_dump %s is %i", (serverVersionNumber, clientVersion, major) => {
    expect(majorFor({ serverVersionNumber, clientVersion })).toBe(major);
  });
});

describe("what is missing", () => {
  test("is told by its table, and not by each column of it", () => {
    const objects = [
      { kind: "column" as const, name: "public.tasks.id", digest: digest("a") },
      { kind: "table" as const, name: "public.tasks", digest: digest("a") },
    ];
    const [observation] = judgeStructure(
      { structure: objects, extensions: [] },
      { objects: [], extensions: [] },
    );
    expect(observation?.actual).toBe("missing: table public.tasks");
  });
});
