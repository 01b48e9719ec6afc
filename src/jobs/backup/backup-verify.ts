import { z } from "zod";

import { line, type Card, type CardPart } from "../../core/card.ts";
import { artifactNames, backupIdSchema } from "../../core/manifest.ts";
import { clockTime } from "../../core/moment.ts";
import { runName } from "../../core/run-name.ts";
import { backupReadBack } from "../../storage/backup.ts";
import { defineOperation, type Operation, type RunView } from "../operation.ts";
import { progressText } from "./backup-card.ts";
import type { BackupParts } from "./backup-parts.ts";
import { readBack } from "./backup-read-back.ts";
import { progressSchema } from "./backup-report.ts";
import { manifestOf, takeStock } from "./backup-stock.ts";

const READ = "read back";
const inputSchema = z.strictObject({ id: backupIdSchema });

const foundSchema = z.object({
  bytes: z.number(),
  /** Null when there was no key to open it with. */
  listed: z.number().nullable(),
  problem: z.string().nullable(),
});
type Found = z.output<typeof foundSchema>;

/** Reads one backup from its first byte to its last, and says whether it still is what was written. */
export function createBackupVerify(parts: BackupParts): Operation {
  const { database, target, bucket, settings } = parts;
  return defineOperation({
    name: "backup-verify",
    summary: "every byte of a backup read again",
    effect: "read",
    input: inputSchema,
    steps: ({ id }) => [
      {
        kind: "look",
        name: READ,
        timeoutMs: settings.timeout,
        async look({ signal, report }): Promise<Found> {
          await takeStock(parts, signal);
          const { artifact, source } = await manifestOf(bucket, id, signal);
          const startedAt = performance.now();
          const seen = await readBack(
            bucket,
            {
              name: artifactNames(id).artifact,
              bytes: artifact.bytes,
              sha256: artifact.sha256,
              identity: settings.identity,
              serverVersionNumber: source.serverVersionNumber,
              onBytes: (bytes) =>
                report({
                  bytes,
                  of: artifact.bytes,
                  sinceMs: Math.round(performance.now() - startedAt),
                }),
            },
            signal,
          );
          const isOther =
            seen.ok &&
            seen.listed !== null &&
            artifact.listed !== null &&
            seen.listed !== artifact.listed;
          const problem = seen.ok
            ? isOther
              ? `${seen.listed} entries are listed, and its manifest counts ${artifact.listed}`
              : undefined
            : seen.problem;
          await database.transaction(async (tx, now) =>
            backupReadBack(tx, now, target, { id, problem }),
          );
          return {
            bytes: artifact.bytes,
            listed: seen.ok ? seen.listed : null,
            problem: problem ?? null,
          };
        },
      },
    ],
    conclude({ id }, results) {
      const found = foundSchema.parse(results[READ]);
      const facts = { backup: id, place: bucket.place, bytes: String(found.bytes) };
      return found.problem === null
        ? { verdict: "WHOLE", facts: { ...facts, opened: found.listed === null ? "no" : "yes" } }
        : { verdict: "DAMAGED", facts: { ...facts, problem: found.problem } };
    },
    card: verifyCard,
    details: (view) => foundLines(view),
  });
}

function verifyCard(view: RunView<z.output<typeof inputSchema>>): Card {
  const { run, input } = view;
  const title = `${run.target} · backup ${input.id}`;
  const step = view.steps.find(({ name }) => name === READ);
  const progress = progressSchema.safeParse(step?.progress).data;
  const again = { label: "Read it again", command: `backup verify ${input.id}` };
  const foot = footer(view);
  switch (run.state) {
    case "waiting":
    case "running":
      return {
        title: `⏳ ${title}`,
        parts: [line(progress ? progressText(progress, null) : "reading every byte"), foot],
        actions: [[{ label: "Cancel", command: `cancel ${runName(run.id)}` }]],
      };
    case "ok":
      return {
        title: `${run.verdict === "WHOLE" ? "🟢" : "🔴"} ${title} ${run.verdict ?? ""}`,
        parts: [...foundLines(view), foot],
        actions: [[again]],
      };
    case "unknown":
    case "failed":
    case "refused":
    case "expired":
    case "cancelled":
      return {
        title: `🟡 ${title} could not be read`,
        parts: [line(run.reason ?? "No reason was recorded."), foot],
        actions: [[again]],
      };
  }
}

function foundLines({ steps }: RunView<unknown>): readonly CardPart[] {
  const result = steps.find(({ name }) => name === READ)?.result;
  const found = foundSchema.safeParse(result).data;
  if (!found) return [];
  if (found.problem !== null) return [line(`✗ ${found.problem}`)];
  const opened =
    found.listed === null
      ? "not opened, for want of a key"
      : `opened and parsed to its end: ${found.listed} entries`;
  return [line(`✓ ${found.bytes} bytes, SHA-256 as its manifest says`), line(`✓ ${opened}`)];
}

function footer({ run, now, timeZone }: RunView<unknown>): CardPart {
  const at = clockTime(run.endedAt ?? run.createdAt, now, timeZone);
  return line({ faint: `${runName(run.id)} · ${run.actor.name} · ${at}` });
}
