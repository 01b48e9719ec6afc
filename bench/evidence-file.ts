import { randomUUID } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { join } from "node:path";

import { Secret } from "../src/core/secret.ts";
import { createBell } from "../src/core/waiting.ts";
import { recordCommand, type RecordEvent } from "../src/jobs/engine/run-record.ts";
import { keepEvidenceFile } from "../src/jobs/evidence/evidence-file.ts";
import { temporaryDirectory } from "../src/servers/temporary-directory.ts";
import { openDatabase, type Database } from "../src/storage/database.ts";
import { fileOf } from "../src/storage/evidence-file.ts";
import { headOf, openLog } from "../src/storage/evidence.ts";
import { migrate } from "../src/storage/migrate.ts";
import type { Bench, Round } from "./bench.ts";
import { startStores } from "./stores.ts";

const LOG = { target: "bench", origin: "flightdeck/evidence/bench" };
const PLACE = { chatId: -1, topicId: undefined, replyTo: undefined };
const ENTRIES = 300;
const NEVER_MS = 2 ** 31 - 1;

export const evidenceFile: Bench = {
  name: "evidence-file",
  summary: "how long entries take to be recorded, and to be in the file",
  usualRounds: 10,
  async measure({ rounds, signal }) {
    await using opened = new AsyncDisposableStack();
    const { databaseUrl } = opened.use(await startStores(signal));
    const { path: directory } = opened.use(await temporaryDirectory("bench-evidence"));
    const url = new Secret(databaseUrl);
    await migrate(url, () => {});
    const database = opened.use(openDatabase({ url, clock: (now) => now, onIdleError: () => {} }));
    await database.transaction(async (tx) => {
      await openLog(tx, LOG.target, LOG.origin);
      await tx.change("create table bare (text text)");
    });
    const bareFile = await open(join(directory, "bare"), "a");
    opened.defer(async () => bareFile.close());

    const recording: Round[] = [];
    const rendering: Round[] = [];
    const lag: Round[] = [];
    for (let round = 0; round < rounds && !signal.aborted; round += 1) {
      recording.push({
        ours: await timed(async () => times(ENTRIES, async () => append(database))),
        beside: await timed(async () => times(ENTRIES, async () => appendBare(database))),
      });
      const file = startFile(database, directory);
      try {
        const before = await sizeOf(join(directory, "log.md"));
        const ours = await timed(async () => file.caughtUp());
        const written = (await sizeOf(join(directory, "log.md"))) - before;
        const bytes = Buffer.alloc(Math.max(0, written), "x");
        rendering.push({ ours, beside: await timed(async () => writeBare(bareFile, bytes)) });
        const block = Buffer.alloc(Math.ceil(bytes.length / ENTRIES), "x");
        await append(database);
        lag.push({
          ours: await timed(async () => file.caughtUp()),
          beside: await timed(async () => writeBare(bareFile, block)),
        });
      } finally {
        await file.stop();
      }
    }
    return [
      {
        what: `recording ${ENTRIES} entries, a commit each`,
        unit: "ms",
        besideName: "as many commits of a bare row",
        rounds: recording,
        goal: { of: "value", atMost: 1_000 },
      },
      {
        what: `rendering ${ENTRIES} entries, from the start of the renderer`,
        unit: "ms",
        besideName: "writing and syncing as many bytes",
        rounds: rendering,
        goal: { of: "value", atMost: 1_000 },
      },
      {
        what: "from an entry's commit until it is in the file and on the disk",
        unit: "ms",
        besideName: "writing and syncing as many bytes",
        rounds: lag,
        goal: { of: "value", atMost: 1_000 },
      },
    ];
  },
};

const record: RecordEvent = async (tx, now, done) =>
  recordCommand(
    tx,
    now,
    { build: "bench", instance: "bench", scrub: (text) => text },
    { ...done, target: LOG.target, config: "bench" },
  );

async function append(database: Database): Promise<void> {
  const event = {
    kind: "status.read",
    result: "healthy",
    facts: { pass: "one two three" },
  } as const;
  const actor = { via: "flightdeck", name: "the bench" } as const;
  await database.transaction(async (tx, now) =>
    record(tx, now, { operation: "status", cause: randomUUID(), actor, event }),
  );
}

async function appendBare(database: Database): Promise<void> {
  await database.transaction(async (tx) =>
    tx.change("insert into bare (text) values ($1)", [randomUUID()]),
  );
}

/** Renders as the leader does, and rings for itself instead of listening to the database. */
function startFile(database: Database, directory: string) {
  const stopping = new AbortController();
  const bell = createBell();
  const keeping = keepEvidenceFile(
    {
      database,
      directory,
      log: LOG,
      rotateAtBytes: Number.MAX_SAFE_INTEGER,
      record,
      place: PLACE,
      bell,
      sign: async () => undefined,
      timing: { lookMs: 1_000, wholeMs: NEVER_MS },
      onError: (error) => {
        throw error;
      },
    },
    stopping.signal,
  );
  return {
    async caughtUp() {
      bell.ring();
      for (;;) {
        const isThere = await database.transaction(async (tx) => {
          const [head, file] = [await headOf(tx, LOG.target), await fileOf(tx, LOG.target)];
          return head?.size === file.rendered;
        });
        if (isThere) return;
      }
    },
    async stop() {
      stopping.abort();
      await keeping;
    },
  };
}

async function writeBare(file: Awaited<ReturnType<typeof open>>, bytes: Buffer): Promise<void> {
  await file.write(bytes);
  await file.datasync();
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

async function times(count: number, work: () => Promise<void>): Promise<void> {
  for (let n = 0; n < count; n += 1) await work();
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now();
  await work();
  return performance.now() - startedAtMs;
}
