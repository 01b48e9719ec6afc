import { z } from "zod";

import type { ChecklistItem, Proof } from "../../core/checklist.ts";
import { parseDuration } from "../../core/duration.ts";
import { nearest } from "../../core/nearest.ts";
import { choiceSetting, durationSetting, textSetting } from "../../core/setting.ts";
import { createCalendar } from "../schedule/schedule-calendar.ts";

/** A button carries both names beside a target and a run. */
const nameSetting = z.string().regex(/^[a-z][a-z0-9-]{0,14}$/, {
  error: "expected at most 15 small letters, digits and dashes, such as daily",
});

const DAY_MS = 24 * 60 * 60_000;
const PERIOD_ENDS = { day: "0 0 * * *", week: "0 0 * * 1" } as const;

/** The operations whose newest run may stand for something in a list. */
const PROVING_OPERATIONS = [
  "preflight",
  "smoke",
  "backup",
  "drill",
  "deploy",
  "webhook-set",
  "secrets-init",
  "evidence-verify",
  // The signing of the newest deployment.
  "sign-off",
] as const;

const itemSetting = z
  .strictObject({
    what: textSetting({ maximum: 80 }).meta({
      description: "What is true, or what is to be done",
      examples: ["The API is live", "Read the worker's log"],
    }),
    checks: z
      .array(textSetting())
      .min(1, { error: "expected one check or more; leave it out where a person ticks" })
      .optional()
      .meta({ description: "Checks that prove it" }),
    run: z
      .strictObject({
        operation: choiceSetting(PROVING_OPERATIONS),
        verdict: textSetting({ maximum: 20 }).meta({ examples: ["GO", "SAVED"] }),
        within: durationSetting().default(0).meta({
          description: "How old it may be when the list is opened; by default it has to come after",
        }),
        after: choiceSetting(PROVING_OPERATIONS).optional().meta({
          description: "The operation whose newest run it has to come after",
        }),
      })
      .optional()
      .meta({ description: "An operation whose newest run proves it, by its verdict" }),
    role: choiceSetting(["operator", "approver"])
      .optional()
      .meta({ description: "Who ticks what nothing else proves; an operator by default" }),
    command: textSetting({
      pattern: /^[a-z][a-z-]*(?: [a-z][a-z0-9-]*){0,2}$/,
      expected: "a command as it is typed, without the slash",
      maximum: 30,
    })
      .optional()
      .meta({ description: "What brings it about; it becomes a button", examples: ["backup"] }),
  })
  .superRefine(({ checks, run, role }, context) => {
    const proofs = [checks, run, role].filter((proof) => proof !== undefined);
    if (proofs.length < 2) return;
    const message = "is proved in one way: by checks, by a run, or by whoever has the role";
    context.addIssue({ code: "custom", message });
  });

const itemsSetting = z
  .record(nameSetting, itemSetting)
  .refine((items) => Object.keys(items).length > 0, "expected one item or more");

const checklistSetting = z
  .strictObject({
    period: textSetting()
      .refine((text) => text in PERIOD_ENDS || isPeriod(text), {
        error: "expected day, week, or how long it stays open, such as 3d",
      })
      .meta({
        description:
          "When it expires: at midnight, in the night to Monday, or so long after it was opened",
        examples: ["day", "week", "3d"],
      }),
    items: itemsSetting.optional(),
    gates: z
      .record(nameSetting, itemsSetting)
      .refine((gates) => Object.keys(gates).length > 1, "expected two gates or more")
      .optional()
      .meta({ description: "Items in parts, each of which has to be done before the next counts" }),
  })
  .superRefine(({ items, gates }, context) => {
    if ((items === undefined) === (gates === undefined)) {
      context.addIssue({ code: "custom", message: "expected either items or gates" });
    }
    const names = Object.values(gates ?? {}).flatMap((gate) => Object.keys(gate));
    const twice = names.find((name, index) => names.indexOf(name) < index);
    if (twice === undefined) return;
    const message = `two gates have an item ${twice}; a tick would not know which is meant`;
    context.addIssue({ code: "custom", path: ["gates"], message });
  });

/** What is looked after every day, every week or in a rollout, by the name that is typed. */
export const checklistsSetting = z
  .record(nameSetting, checklistSetting)
  .default({})
  .meta({ description: "What people look after, proved by checks and runs where it can be" });

export type ChecklistsSettings = z.output<typeof checklistsSetting>;

export type Checklist = {
  readonly name: string;
  readonly items: readonly ChecklistItem[];
  /** When a list that is opened now expires, in the target's time zone. */
  endsAfter(moment: Date): Date;
};

/** The checklists of a target, in the order of its file. */
export function createChecklists(
  settings: ChecklistsSettings,
  timeZone: string,
): readonly Checklist[] {
  return Object.entries(settings).map(([name, { period, items, gates }]) => ({
    name,
    items: placed(items, gates).map(({ name: item, gate, setting }) => ({
      name: item,
      what: setting.what,
      proof: proofOf(setting),
      gate,
      command: setting.command,
    })),
    endsAfter: endOf(period, timeZone),
  }));
}

/** Names in the lists that no check and no command has, by the path below the setting. */
export function checklistProblems(
  settings: ChecklistsSettings,
  known: { readonly checks: readonly string[]; readonly commands: readonly string[] },
): readonly { readonly path: (string | number)[]; readonly message: string }[] {
  return Object.entries(settings).flatMap(([name, { items, gates }]) =>
    placed(items, gates).flatMap(({ name: item, gate, setting }) => {
      const path = [name, ...(gate === undefined ? ["items"] : ["gates", gate]), item];
      const [command = ""] = setting.command?.split(" ") ?? [];
      return [
        ...(setting.checks ?? []).flatMap((check, index) =>
          problem("check", check, known.checks, [...path, "checks", index]),
        ),
        ...(setting.command === undefined
          ? []
          : problem("command", command, known.commands, [...path, "command"])),
      ];
    }),
  );
}

function problem(
  what: string,
  name: string,
  known: readonly string[],
  path: (string | number)[],
): { readonly path: (string | number)[]; readonly message: string }[] {
  if (known.includes(name)) return [];
  const meant = nearest(name, known);
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
  return [{ path, message: `there is no ${what} "${name}"${hint}` }];
}

type ItemSetting = z.output<typeof itemSetting>;
type Items = Readonly<Record<string, ItemSetting>>;

function placed(items: Items | undefined, gates: Readonly<Record<string, Items>> | undefined) {
  const inGate = (gate: string | undefined, listed: Items) =>
    Object.entries(listed).map(([name, setting]) => ({ name, gate, setting }));
  return [
    ...inGate(undefined, items ?? {}),
    ...Object.entries(gates ?? {}).flatMap(([gate, listed]) => inGate(gate, listed)),
  ];
}

function proofOf({ checks, run, role }: ItemSetting): Proof {
  if (checks !== undefined) return { kind: "checks", checks };
  if (run === undefined) return { kind: "person", role: role ?? "operator" };
  const { operation, verdict, within, after } = run;
  return { kind: "run", operation, verdict, withinMs: within, ...(after ? { after } : {}) };
}

function isPeriod(text: string): boolean {
  const lengthMs = parseDuration(text) ?? 0;
  return lengthMs > 0 && lengthMs <= 31 * DAY_MS;
}

function endOf(period: string, timeZone: string): (moment: Date) => Date {
  const lengthMs = parseDuration(period);
  if (lengthMs !== undefined) return (moment) => new Date(moment.getTime() + lengthMs);
  const ends = createCalendar(period === "week" ? PERIOD_ENDS.week : PERIOD_ENDS.day, timeZone);
  return (moment) => {
    const [end] = ends.after(moment, 1);
    if (!end) throw new Error(`No ${period} ends after ${moment.toISOString()}.`);
    return end;
  };
}
