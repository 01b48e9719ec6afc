import { z } from "zod";

import { line, type Card } from "../../core/card.ts";
import { backupIdSchema } from "../../core/manifest.ts";
import { clockTime } from "../../core/moment.ts";
import { runName } from "../../core/run-name.ts";
import { defineOperation, type Operation, type RunView } from "../operation.ts";
import type { BackupParts } from "./backup-parts.ts";
import { prune, recordDeleted, stillThere } from "./backup-prune.ts";
import { prunedSchema, STEPS } from "./backup-report.ts";
import { takeStock } from "./backup-stock.ts";

/** Exactly what was shown to whoever tapped. */
const inputSchema = z.strictObject({ ids: z.array(backupIdSchema).min(1) });

/** Deletes what retention lets go of, as somebody has seen it and said yes. */
export function createBackupPrune(parts: BackupParts): Operation {
  return defineOperation({
    name: "backup-prune",
    summary: "backups deleted that are too old to be kept",
    effect: "mutate",
    input: inputSchema,
    steps: ({ ids }) => [
      {
        kind: "look",
        name: "stock",
        timeoutMs: 5 * 60_000,
        look: async ({ signal }) => ({ known: (await takeStock(parts, signal)).length }),
      },
      {
        kind: "act",
        name: STEPS.retention,
        timeoutMs: 30 * 60_000,
        async observe({ run, signal }) {
          if ((await stillThere(parts, ids, signal)).length > 0) return { kind: "absent" };
          for (const id of ids) await recordDeleted(parts, id, run);
          return { kind: "happened", result: { removed: ids, locked: [], failed: [] } };
        },
        act: async ({ run, signal }) => prune(parts, ids, run, signal),
      },
    ],
    conclude({ ids }, results) {
      const { removed, locked, failed } = prunedSchema.parse(results[STEPS.retention]);
      return {
        verdict: removed.length === ids.length ? "DELETED" : "KEPT",
        facts: {
          deleted: removed.join(" "),
          kept: ids.filter((id) => !removed.includes(id)).join(" "),
          locked: locked.join(" "),
          failed: failed.map(({ id, reason }) => `${id}: ${reason}`).join("; "),
        },
      };
    },
    card: pruneCard,
    details: () => [],
  });
}

function pruneCard({
  run,
  steps,
  input,
  now,
  timeZone,
}: RunView<z.output<typeof inputSchema>>): Card {
  const result = steps.find(({ name }) => name === STEPS.retention)?.result;
  const pruned = prunedSchema.safeParse(result).data;
  const at = clockTime(run.endedAt ?? run.createdAt, now, timeZone);
  const foot = line({ faint: `${runName(run.id)} · ${run.actor.name} · ${at}` });
  if (run.state === "waiting" || run.state === "running") {
    const title = `⏳ ${run.target} · deleting ${input.ids.length} backups`;
    return { title, parts: [foot], actions: [] };
  }
  if (!pruned) {
    const reason = line(run.reason ?? "No reason was recorded.");
    return {
      title: `🔴 ${run.target} · deleting backups ${run.state}`,
      parts: [reason, foot],
      actions: [],
    };
  }
  const { removed, locked, failed } = pruned;
  const others = input.ids.length - removed.length - locked.length - failed.length;
  return {
    title: `${removed.length === input.ids.length ? "🟢" : "🟡"} ${run.target} · ${removed.length} of ${input.ids.length} backups deleted`,
    parts: [
      ...(removed.length > 0 ? [{ kind: "folded" as const, lines: removed }] : []),
      ...(locked.length > 0 ? [line(`kept by a lock of the bucket: ${locked.join(", ")}`)] : []),
      ...failed.map(({ id, reason }) => line(`could not delete ${id}: ${reason}`)),
      ...(others > 0 ? [line(`${others} are needed by now, and stay`)] : []),
      foot,
    ],
    actions: [[{ label: "All backups", command: "backup list" }]],
  };
}
