import { hash } from "node:crypto";

import { line, type CardPart } from "../core/card.ts";
import { backupIdSchema } from "../core/manifest.ts";
import { valueText } from "../core/measurement-text.ts";
import { age } from "../core/moment.ts";
import type { Reason } from "../core/retention.ts";
import { retentionOf } from "../jobs/backup/backup-prune.ts";
import type { BackupSettings } from "../jobs/backup/backup-settings.ts";
import type { KnownBackup } from "../storage/backup.ts";
import { verifiedBackups } from "../storage/drill.ts";
import { card, defineCommand, type Answer, type CommandContext } from "./command.ts";

type Asked =
  | { readonly kind: "start" | "list" }
  | { readonly kind: "verify"; readonly id: string }
  | { readonly kind: "prune"; readonly code: string | undefined };

const SHOWN = 8;

export const backup = defineCommand<Asked>({
  name: "backup",
  summary: "Back up the database, or list, verify and prune the backups",
  role: "operator",
  usage: "[list | verify ID | prune [CODE]]",
  effect: "mutate",
  words: { atMost: 2 },
  understand({ words: [verb, word] }) {
    switch (verb) {
      case undefined:
        return { ok: true, args: { kind: "start" } };
      case "list":
        if (word !== undefined) return { ok: false, message: `"${word}" is one word too many.` };
        return { ok: true, args: { kind: "list" } };
      case "verify": {
        const id = backupIdSchema.safeParse(word?.toUpperCase());
        if (id.success) return { ok: true, args: { kind: "verify", id: id.data } };
        const said = word === undefined ? "Which backup?" : `"${word}" is the name of no backup.`;
        return { ok: false, message: `${said} A name looks like 20261123T030405Z.` };
      }
      case "prune":
        return { ok: true, args: { kind: "prune", code: word?.toUpperCase() } };
      default:
        return { ok: false, message: `"${verb}" is none of list, verify and prune.` };
    }
  },
  async run(context, asked) {
    const settings = context.backup;
    if (settings === undefined) {
      const message =
        "No backup is configured. Put `backup:` and `systems.bucket` into the configuration; the sandbox's file shows how.";
      return { kind: "refused", message };
    }
    switch (asked.kind) {
      case "start":
        return { kind: "run", admission: await context.start("backup", {}) };
      case "list":
        return list(context, settings);
      case "verify":
        return { kind: "run", admission: await context.start("backup-verify", { id: asked.id }) };
      case "prune":
        return pruneAsked(context, settings, asked.code);
    }
  },
});

async function list(context: CommandContext, settings: BackupSettings): Promise<Answer> {
  const { tx, target } = context;
  const { plan, backups } = await retentionOf(tx, target, settings);
  const verified = new Set(await verifiedBackups(tx, target));
  const title = `${target} · ${backups.length} ${backups.length === 1 ? "backup" : "backups"}`;
  const [newest] = backups;
  if (!newest) return card(title, "There is none yet. /backup makes one.");
  const told = backups.map((one) => {
    const because = plan.keep.find(({ id }) => id === one.id)?.because;
    return backupLine(one, verified.has(one.id), because, context);
  });
  const rest = told.slice(SHOWN);
  return {
    kind: "card",
    card: {
      title,
      parts: [
        ...told.slice(0, SHOWN).map((text) => line(text)),
        ...(rest.length > 0 ? [{ kind: "folded", lines: rest } as const] : []),
      ],
      actions: [
        [
          { label: "Back up now", command: "backup" },
          { label: "Verify the newest", command: `backup verify ${newest.id}` },
        ],
        ...(plan.remove.length > 0 ? [[{ label: "Prune…", command: "backup prune" }]] : []),
      ],
    },
  };
}

function backupLine(
  { id, bytes, snapshotAt, problem }: KnownBackup,
  isVerified: boolean,
  because: readonly Reason[] | undefined,
  { now }: CommandContext,
): string {
  const sign = problem === undefined ? (isVerified ? "✓✓" : "✓") : "✗";
  const words = [
    `${sign} ${id}`,
    valueText(bytes, "Bytes"),
    age(snapshotAt, now),
    problem ?? (isVerified ? "restored by a drill" : "not drilled"),
    because === undefined ? "may go" : `kept: ${because.join(", ")}`,
  ];
  return words.join(" · ");
}

/** The first tap shows what would go and the code of exactly that; the second one carries it. */
async function pruneAsked(
  context: CommandContext,
  settings: BackupSettings,
  code: string | undefined,
): Promise<Answer> {
  const { tx, target } = context;
  const { plan, backups } = await retentionOf(tx, target, settings);
  const { remove, keep } = plan;
  const title = `${target} · what pruning would delete`;
  if (remove.length === 0) return card(title, `Nothing: all ${keep.length} are to be kept.`);
  const expected = codeOf(target, remove);
  if (code === expected) {
    return { kind: "run", admission: await context.start("backup-prune", { ids: remove }) };
  }
  if (code !== undefined) {
    const message = `${code} is not the code of what would be deleted now. Look again: /backup prune`;
    return { kind: "refused", message };
  }
  const going = backups.filter(({ id }) => remove.includes(id));
  const bytes = going.reduce((sum, one) => sum + one.bytes, 0);
  const told = going.map((one) => backupLine(one, false, undefined, context));
  const parts: readonly CardPart[] = [
    line(
      `${remove.length} of ${backups.length}, ${valueText(bytes, "Bytes")}. ${keep.length} stay.`,
    ),
    { kind: "folded", lines: told },
    line("What is deleted does not come back. To go on, tap, or type ", {
      code: `/backup prune ${expected}`,
    }),
  ];
  return {
    kind: "card",
    card: {
      title,
      parts,
      actions: [
        [
          {
            label: `Delete ${remove.length} · ${expected}`,
            command: `backup prune ${expected}`,
            style: "danger",
          },
        ],
      ],
    },
  };
}

function codeOf(target: string, ids: readonly string[]): string {
  return hash("sha256", [target, ...ids.toSorted()].join("\n"))
    .slice(0, 6)
    .toUpperCase();
}
