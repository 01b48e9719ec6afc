import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import type { Actor } from "../../src/core/actor.ts";
import { genesisHash } from "../../src/core/entry.ts";
import { Secret } from "../../src/core/secret.ts";
import { recordCommand, type RecordEvent } from "../../src/jobs/engine/run-record.ts";
import {
  createTargetLog,
  type TargetLog,
  type TargetLogParts,
} from "../../src/jobs/evidence/target-log.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { openDatabase, type Database } from "../../src/storage/database.ts";
import { openLog } from "../../src/storage/evidence.ts";
import { createGit } from "../../src/systems/git.ts";

export const TARGET = "sandbox";
export const ORIGIN = `flightdeck/evidence/${TARGET}`;
export const ada: Actor = { via: "cli", name: "Ada", telegram: "1", role: "approver" };
const PLACE = { chatId: -1, topicId: undefined, replyTo: undefined } as const;

export type SignedLog = AsyncDisposable & {
  readonly log: TargetLog;
  readonly database: Database;
  readonly dataFolder: string;
  readonly directory: string;
  /** What went wrong on the way and was only reported. */
  readonly troubles: unknown[];
  setClock(at: Date | undefined): void;
  /** Appends entries that say nothing in particular. */
  record(count: number): Promise<void>;
};

export type SignedLogOptions = {
  readonly url: string;
  /** Of another one, to be gone on with as by another process, or after a database was exchanged. */
  readonly folder?: string;
  readonly parts?: Partial<TargetLogParts>;
  readonly given?: Secret;
};

/** The signed log of a target on a migrated database, without a Flightdeck around it. */
export async function openSignedLog(options: SignedLogOptions): Promise<SignedLog> {
  await using opened = new AsyncDisposableStack();
  const folder = options.folder ?? opened.use(await temporaryDirectory("signed-log")).path;
  let clock: Date | undefined;
  const database = opened.use(
    openDatabase({
      url: new Secret(options.url),
      clock: (now) => clock ?? now,
      onIdleError: () => undefined,
    }),
  );
  await database.transaction(async (tx) => openLog(tx, TARGET, ORIGIN));
  const dataFolder = join(folder, "data");
  const directory = join(folder, "comms");
  await mkdir(directory, { recursive: true });
  const troubles: unknown[] = [];
  const origin = { build: "test", instance: "test", scrub: (text: string): string => text };
  const record: RecordEvent = async (tx, now, done) =>
    recordCommand(tx, now, origin, { target: TARGET, config: genesisHash("config"), ...done });
  const log = createTargetLog({
    database,
    keys: { dataFolder, target: TARGET, origin: ORIGIN, given: options.given },
    directory,
    timeZone: "UTC",
    place: PLACE,
    witness: undefined,
    git: createGit(),
    record,
    rotateAtBytes: 1024 * 1024,
    onError: (error) => troubles.push(error),
    lookEveryMs: 50,
    ...options.parts,
  });
  let recorded = 0;
  const kept = opened.move();
  return {
    log,
    database,
    dataFolder,
    directory,
    troubles,
    setClock: (at) => (clock = at),
    async record(count) {
      for (let n = 0; n < count; n += 1) {
        recorded += 1;
        const cause = `test-${process.pid}-${Math.random()}-${recorded}`;
        const event = { kind: "status.read", result: "looked", facts: {} } as const;
        await database.transaction(async (tx, now) =>
          record(tx, now, { operation: "status", cause, actor: ada, event }),
        );
      }
    },
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}
