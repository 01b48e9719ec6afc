import { plainCard, type Card } from "../core/card.ts";
import { age, clockTime } from "../core/moment.ts";
import { newestCalls, type KeptCall } from "../storage/call.ts";
import { defineCommand, type CommandContext } from "./command.ts";

const SHOWN = 5;
const PATH_WORDS = { webhook: "webhook", smtp: "mail" } as const;

export const calls = defineCommand<{ readonly tests: boolean }>({
  name: "calls",
  summary: "Who is on call, and the last calls; or call once to try it",
  role: "operator",
  usage: "[test]",
  effect: "mutate",
  words: { atMost: 1 },
  understand({ words: [word] }) {
    if (word === undefined) return { ok: true, args: { tests: false } };
    if (word !== "test") return { ok: false, message: `"${word}" is not test.` };
    return { ok: true, args: { tests: true } };
  },
  async run(context, { tests }) {
    if (!tests) return { kind: "card", card: await overview(context) };
    const { caller, tx, now, cause, target } = context;
    const [person] = context.rosterAt(now);
    if (caller.paths.length === 0) {
      const message = "There is no second path; set secondPath in the configuration.";
      return { kind: "refused", message };
    }
    const people = person === undefined ? [] : [person];
    const about = `test:${cause}`;
    const what = "this is only a test";
    const wanted = { once: about, about, kind: "test", severity: "page", target, what } as const;
    await caller.call(tx, now, { ...wanted, people });
    const by = caller.paths.map((path) => PATH_WORDS[path]).join(" and ");
    const whom = person?.name ?? "nobody by name";
    return {
      kind: "card",
      card: plainCard(
        `${target} · test call`,
        `Calling ${whom} by ${by}; /calls shows whether it came through.`,
      ),
    };
  },
});

async function overview(context: CommandContext): Promise<Card> {
  const { tx, now, target, caller } = context;
  const [first, ...others] = context.rosterAt(now).map(({ name }) => name);
  const made = await newestCalls(tx, target, SHOWN);
  const paths = caller.paths.map((path) => PATH_WORDS[path]).join(", ");
  return plainCard(
    `${target} · calls`,
    `On call: ${first ?? "nobody"}${others.length > 0 ? `, then ${others.join(", ")}` : ""}`,
    `By: ${paths === "" ? "the chat alone; there is no second path" : paths}`,
    ...made.map((call) => described(call, context)),
  );
}

function described(call: KeptCall, { now, timeZone }: CommandContext): string {
  const { kind, what, path, address, calledAt, attempts } = call;
  const title = { fired: what, over: `over: ${what}`, test: "test call" }[kind];
  const to = address === "" ? PATH_WORDS[path] : address;
  return `${clockTime(calledAt, now, timeZone)} ${title} → ${to}: ${outcome(call, attempts, now)}`;
}

function outcome({ state, sentAt, error }: KeptCall, attempts: number, now: Date): string {
  switch (state) {
    case "sent":
      return `taken ${sentAt === undefined ? "" : age(sentAt, now)}`.trimEnd();
    case "withdrawn":
      return "not needed any more";
    case "failed":
      return `failed after ${attempts} tries (${error ?? "no reason given"})`;
    case "waiting":
      return error === undefined ? "on its way" : `tried ${attempts}× (${error})`;
  }
}
