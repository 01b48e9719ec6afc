import { stat } from "node:fs/promises";

import { z } from "zod";

import { judgeManifest } from "../../core/drill-artifact.ts";
import { findingOf } from "../../core/drill-check.ts";
import { judgeTeardown } from "../../core/drill-server.ts";
import type { Json } from "../../core/json.ts";
import { backupIdSchema, begunAt, type Manifest } from "../../core/manifest.ts";
import { parseRunName } from "../../core/run-name.ts";
import type { Secret } from "../../core/secret.ts";
import { processesIn } from "../../servers/processes-in.ts";
import type { Database } from "../../storage/database.ts";
import { keepDrill } from "../../storage/drill.ts";
import { defineOperation, type Operation, type Step } from "../operation.ts";
import { drillCard, drillDetails } from "./drill-card.ts";
import { createDrillJournal, type DrillJournal } from "./drill-journal.ts";
import { NO_TOOLS, proveBackup } from "./drill-proof.ts";
import {
  CHOOSE,
  chosenSchema,
  CLEAR,
  drillResult,
  KEEP,
  PROVE,
  provedSchema,
  type ChosenBackup,
  type ProvedBackup,
} from "./drill-result.ts";
import type { DrillSettings } from "./drill-settings.ts";
import { backupsOn, manifestReadingOn, type BackupShelf } from "./drill-shelf.ts";
import { openWorkspace } from "./drill-workspace.ts";

export type DrillParts = {
  readonly database: Database;
  readonly target: string;
  readonly dataFolder: string;
  /** Where backups are fetched from, as on the worst day. */
  readonly shelf: BackupShelf;
  /** The key that drills hold. */
  readonly identity: Secret | undefined;
  readonly migrationTable: string;
  readonly settings: DrillSettings;
  /** What the entry names as the program that says all this. */
  readonly tool: string;
  readonly scrub: (text: string) => string;
  /** A number from 0 up to that one, for a backup that nobody could have prepared for. */
  readonly anyOf: (count: number) => number;
};

const MINUTE_MS = 60_000;

/** The newest backup, any older one, or one by its name. */
const inputSchema = z.strictObject({
  which: z.union([z.literal("newest"), z.literal("older"), backupIdSchema]),
});
export type DrillInput = z.output<typeof inputSchema>;

/** Restores a backup as somebody would have to on the worst day, proves what came back, and measures how long it took. */
export function createDrill(parts: DrillParts): Operation {
  const { settings, tool } = parts;
  return defineOperation({
    name: "drill",
    summary: "a backup restored and proved; VERIFIED, FAILED or COULD NOT VERIFY",
    effect: "read",
    input: inputSchema,
    steps: (input) => stepsOf(input, parts),
    conclude(_input, results) {
      const { verdict, facts } = drillResult(results, settings, tool);
      return { verdict, facts };
    },
    card: (view) => drillCard(view, { settings, tool }),
    details: (view) => drillDetails(view, { settings, tool }),
  });
}

function stepsOf({ which }: DrillInput, parts: DrillParts): readonly Step[] {
  const { settings, database, target, tool } = parts;
  return [
    {
      kind: "look",
      name: CHOOSE,
      timeoutMs: 2 * MINUTE_MS,
      look: async ({ signal }) => choose(which, parts, signal),
    },
    {
      kind: "look",
      name: PROVE,
      // Whoever takes over a drill begins it anew: half of a restore proves nothing, and half of a time even less.
      timeoutMs: settings.timeout,
      async look({ signal, results, report }) {
        return prove(chosenSchema.parse(results[CHOOSE]), parts, signal, report);
      },
    },
    {
      kind: "look",
      name: CLEAR,
      timeoutMs: MINUTE_MS,
      look: async ({ results }) => clear(provedSchema.parse(results[PROVE])),
    },
    {
      kind: "look",
      name: KEEP,
      timeoutMs: MINUTE_MS,
      async look({ run, results }) {
        const { chosen, verdict, recoveryMs, lossMs } = drillResult(results, settings, tool);
        const runId = parseRunName(run);
        if (runId === undefined) throw new Error(`${run} is no name of a run.`);
        await database.transaction(async (tx, now) =>
          keepDrill(tx, now, target, {
            runId,
            backup: chosen.backup,
            verdict,
            snapshotAt: new Date(chosen.snapshotAt),
            recoveryMs,
            lossMs: Math.max(0, lossMs),
          }),
        );
        return verdict;
      },
    },
  ];
}

/** Somebody needs the data back now: from here on time counts. */
async function choose(
  which: DrillInput["which"],
  { shelf, database, anyOf }: DrillParts,
  signal: AbortSignal,
): Promise<ChosenBackup> {
  const decidedAt = await database.transaction(async (_tx, now) => now);
  const began = performance.now();
  const backup = await named(which, shelf, anyOf, signal);
  const reading = await manifestReadingOn(shelf, backup, signal);
  return {
    backup,
    from: shelf.name,
    ...(reading.kind === "read"
      ? toldBy(reading.manifest)
      : // Its name tells when it was begun, and nothing tells the rest.
        { digest: UNTOLD, run: UNTOLD, snapshotAt: begunAt(backup).toISOString() }),
    decidedAt: decidedAt.toISOString(),
    tookMs: Math.round(performance.now() - began),
  };
}

const UNTOLD = "its manifest does not tell";

function toldBy({
  artifact,
  run,
  snapshotAt,
}: Manifest): Pick<ChosenBackup, "digest" | "run" | "snapshotAt"> {
  return { digest: artifact.sha256, run, snapshotAt };
}

async function named(
  which: DrillInput["which"],
  shelf: BackupShelf,
  anyOf: (count: number) => number,
  signal: AbortSignal,
): Promise<string> {
  if (which !== "newest" && which !== "older") return which;
  const backups = await backupsOn(shelf, signal);
  const newest = backups.at(-1);
  if (newest === undefined) throw new Error(`${shelf.name} holds no backup`);
  if (which === "newest" || backups.length === 1) return newest;
  return backups[anyOf(backups.length - 1)] ?? newest;
}

async function prove(
  chosen: ChosenBackup,
  parts: DrillParts,
  signal: AbortSignal,
  report: (progress: Json) => void,
): Promise<ProvedBackup> {
  const { shelf, identity, migrationTable, settings, scrub, dataFolder, database } = parts;
  const journal = createDrillJournal({ signal, now: () => new Date(), scrub, report });
  let places: readonly string[] = [];
  const work = async (): ReturnType<typeof proveBackup> => {
    await using workspace = await openWorkspace(dataFolder, signal);
    places = workspace.places;
    const manifest = await vouchedFor(chosen, shelf, journal, signal);
    if (!manifest) return NO_TOOLS;
    const order = { manifest, shelf, workspace, identity, migrationTable, settings };
    return await proveBackup(order, journal, signal);
  };
  const tools = await work();
  const endedAt = await database.transaction(async (_tx, now) => now);
  const { phases, findings } = journal.progress();
  return { phases, findings, ...tools, places: [...places], endedAt: endedAt.toISOString() };
}

/** The manifest; undefined when there is a finding instead. */
async function vouchedFor(
  { backup }: ChosenBackup,
  shelf: BackupShelf,
  journal: DrillJournal,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  const read = await journal.phase("read the manifest", "recovery", async () => {
    const reading = await manifestReadingOn(shelf, backup, signal);
    // Nobody can say of a backup that it is broken who is too old to read it.
    if (reading.kind === "later") throw new Error(reading.reason);
    return reading;
  });
  if (read.kind === "seen" && read.value.kind === "read") return read.value.manifest;
  journal.judge("artifact-is-what-was-kept", read, judgeManifest);
  return undefined;
}

/** Looks with its own eyes, for whoever tidied up cannot know what he has overlooked. */
async function clear({ places }: ProvedBackup): Promise<Json> {
  const there: string[] = [];
  const processes: string[] = [];
  for (const place of places) {
    const found = await stat(place).catch(() => undefined);
    if (found) there.push(place);
    processes.push(...(await processesIn(place)).map(({ pid, name }) => `${name} (${pid})`));
  }
  return findingOf(
    "nothing-is-left-behind",
    places.length === 0
      ? { kind: "unseen", reason: "nobody knows where it was restored" }
      : { kind: "seen", value: { processes, paths: there } },
    judgeTeardown,
  );
}
