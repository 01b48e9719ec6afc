import { z } from "zod";

import { mayActAs, type Operator } from "./operator.ts";
import { textSetting } from "./setting.ts";
import { DAY_MS, momentOf, wallOf, type WallMs } from "./wall-clock.ts";

const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;

const handOverSetting = textSetting({
  pattern: /^(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?(?:[01]\d|2[0-3]):[0-5]\d$/,
  expected: "a time such as 09:00 for every day, or Mon 09:00 for every week",
});

const dateSetting = textSetting({
  pattern: /^\d{4}-\d{2}-\d{2}$/,
  expected: "a date such as 2026-11-23",
});

const dateTimeSetting = textSetting({
  pattern: /^\d{4}-\d{2}-\d{2} (?:[01]\d|2[0-3]):[0-5]\d$/,
  expected: "a date and a time such as 2026-12-24 09:00",
});

/** Who is called when something sounds. All times are those of the target's time zone. */
export const onCallSetting = z
  .strictObject({
    rotation: z
      .array(textSetting())
      .min(1)
      .meta({ description: "Operators by name, in the order in which they take turns" }),
    since: dateSetting.meta({ description: "The day on which the first of them begins" }),
    handOver: handOverSetting
      .default("Mon 09:00")
      .meta({ description: "When the next one takes over", examples: ["Mon 09:00", "09:00"] }),
    instead: z
      .array(z.strictObject({ who: textSetting(), from: dateTimeSetting, until: dateTimeSetting }))
      .default([])
      .meta({ description: "Holidays and swaps: who stands in from when until when" }),
  })
  .superRefine(({ since, instead }, context) => {
    if (!isDate(since)) refuse(context, ["since"], `${since} is no day of the calendar`);
    for (const [index, { from, until }] of instead.entries()) {
      for (const [member, text] of Object.entries({ from, until })) {
        if (isDate(text.slice(0, 10))) continue;
        refuse(context, ["instead", index, member], `${text} is no day of the calendar`);
      }
      if (until <= from) {
        refuse(context, ["instead", index, "until"], `expected a time after ${from}`);
      }
    }
  })
  .meta({ description: "Who is called when something sounds; everybody who may act, by default" });

export type OnCallSettings = z.output<typeof onCallSetting>;

/** Names of operators, the one who is on call first and then those after him. */
export type OnCall = {
  readonly people: readonly string[];
  /** When somebody else takes over. */
  readonly until: Date;
};

/** Who is on call at a moment, and who comes after. */
export function onCallAt(settings: OnCallSettings, timeZone: string, now: Date): OnCall {
  const turn = turnAt(settings, timeZone, now);
  const standsIn = settings.instead
    .map(({ who, from, until }) => ({
      who,
      from: momentOf(readWall(from), timeZone),
      until: momentOf(readWall(until), timeZone),
    }))
    .filter(({ until }) => until > now)
    .toSorted((one, other) => one.from.getTime() - other.from.getTime());
  const current = standsIn.find(({ from }) => from <= now);
  const next = standsIn.find(({ from }) => from > now)?.from;
  const ends = [turn.until, current?.until, next].filter((at) => at !== undefined);
  return {
    people: [...new Set(current ? [current.who, ...turn.people] : turn.people)],
    until: new Date(Math.min(...ends.map((at) => at.getTime()))),
  };
}

/** The operators who can be called, whoever is on call first. Without a rotation it is everybody who may act. */
export function rosterAt(
  team: {
    readonly operators: readonly Operator[];
    readonly onCall?: OnCallSettings | undefined;
    readonly timeZone: string;
  },
  now: Date,
): readonly Operator[] {
  const { operators, onCall, timeZone } = team;
  if (onCall === undefined) return operators.filter(({ role }) => mayActAs(role, "operator"));
  return onCallAt(onCall, timeZone, now)
    .people.map((name) => operators.find((operator) => operator.name === name))
    .filter((operator) => operator !== undefined);
}

/** Whoever is named here must be an operator; says which name is not, and where it stands. */
export function unknownPeople(
  { rotation, instead }: OnCallSettings,
  known: readonly string[],
): readonly { readonly path: readonly (string | number)[]; readonly name: string }[] {
  const named = [
    ...rotation.map((name, index) => ({ path: ["rotation", index], name })),
    ...instead.map(({ who }, index) => ({ path: ["instead", index, "who"], name: who })),
  ];
  return named.filter(({ name }) => !known.includes(name));
}

type Turn = { readonly people: readonly string[]; readonly until: Date };

/**
 * Turns are counted on the wall clock, so that they change at nine in winter and in summer. Where the clock runs twice
 * through the same hour, or leaves one out, the moments decide.
 */
function turnAt({ rotation, since, handOver }: OnCallSettings, timeZone: string, now: Date): Turn {
  const everyMs = handOver.includes(" ") ? 7 * DAY_MS : DAY_MS;
  const first = firstHandOver(since, handOver);
  const start = (turn: number): Date => momentOf(first + turn * everyMs, timeZone);
  let turn = Math.floor((wallOf(now, timeZone) - first) / everyMs);
  if (start(turn) > now) turn -= 1;
  if (start(turn + 1) <= now) turn += 1;
  // Before the rotation begins its first one is on call already.
  if (turn < 0) return { people: rotation, until: start(1) };
  const place = turn % rotation.length;
  return {
    people: [...rotation.slice(place), ...rotation.slice(0, place)],
    until: start(turn + 1),
  };
}

/** The last hand-over that is not after the day on which the first one begins. */
function firstHandOver(since: string, handOver: string): WallMs {
  const [time = "", weekday] = handOver.split(" ").toReversed();
  const wall = readWall(`${since} ${time}`);
  if (weekday === undefined) return wall;
  const wanted = WEEKDAYS.findIndex((day) => day === weekday);
  return wall - ((new Date(wall).getUTCDay() - wanted + 7) % 7) * DAY_MS;
}

function readWall(text: string): WallMs {
  return Date.parse(`${text.replace(" ", "T")}:00Z`);
}

function isDate(text: string): boolean {
  const at = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
}

function refuse(
  context: z.RefinementCtx,
  path: readonly (string | number)[],
  message: string,
): void {
  context.addIssue({ code: "custom", path: [...path], message });
}
