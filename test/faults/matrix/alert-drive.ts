import { expect } from "vitest";
import { parseDocument, type Scalar, type YAMLMap } from "yaml";

import type { ChatMessage } from "../../../sandbox/telegram/server.ts";
import { query, readEntries } from "../../support/records.ts";
import type { Undertaking } from "./drives.ts";
import type { Scene } from "./scene.ts";

const CHECK = "xai-key-works";
const FAULT = "xai-key-revoked";
const WITHIN = { timeout: 120_000 };

/** The desk has kept what was seen of this check alone, as it does at each of its looks. */
export const ALERT_MIDST = `looks.kept@${CHECK}`;

/** Only this check is asked all the time, so that nothing else is told. */
export function watchesOneCheck(text: string): string {
  const document = parseDocument(text);
  const checks = document.get("checks") as YAMLMap<Scalar<string>, YAMLMap>;
  for (const { key, value } of checks.items) {
    const isOurs = key.value === CHECK;
    value?.set("every", isOurs ? "1s" : "1h");
    value?.set("for", "0s");
    value?.set("resolveAfter", isOurs ? "1s" : "1h");
  }
  document.set("watch", { enabled: true });
  return document.toString();
}

/** A page that fires and is over, from the look to the words that sound. */
export async function raiseAlert({ world, databaseUrl, log }: Scene): Promise<Undertaking> {
  const seen = new Set(world.telegram.messages().map(({ id }) => id));
  const told = (): readonly ChatMessage[] =>
    world.telegram
      .messages()
      .filter(({ id, from, text }) => from.isBot && !seen.has(id) && text.includes(CHECK));
  const isAgain = ({ text }: ChatMessage): boolean => text.includes("(resent)");
  const sounds = (): readonly ChatMessage[] =>
    told().filter((message) => !message.silent && !isAgain(message));
  /** In which of its steps more people were called in the group, for nobody had taken it by the clock of the database. */
  const stepsCalled = async (): Promise<readonly string[]> => {
    const sql = "select subject from outbox where subject like 'word:%:called:%' and chat_id < 0";
    const { rows } = await query<{ subject: string }>(databaseUrl, sql);
    return rows.map(({ subject }) => /called:(\d+)/.exec(subject)?.[1] ?? subject);
  };
  const state = async (): Promise<string> => {
    const sql = "select state from alert where check_name = $1 order by id";
    const { rows } = await query<{ state: string }>(databaseUrl, sql, [CHECK]);
    return rows.map((row) => row.state).join();
  };
  const until = async (reads: RegExp, withinMs = WITHIN.timeout): Promise<ChatMessage> =>
    world.telegram
      .waitFor(() => told().findLast(({ text }) => reads.test(text)), { timeoutMs: withinMs })
      .catch((cause: unknown) => {
        const texts = told().map(({ text }) => text);
        throw new Error(`Nothing reads ${reads}:\n${texts.join("\n--\n")}\n${log()}`, { cause });
      });
  const reaches = async (wanted: string): Promise<void> => {
    await expect.poll(state, { ...WITHIN, message: `the alert is ${wanted}` }).toBe(wanted);
  };

  await world.break(FAULT);
  return {
    updates: () => [],
    answers: told,
    until,
    grown: async () => ({}),
    async finish() {
      await reaches("firing");
      await expect.poll(() => sounds().length, WITHIN).toBeGreaterThanOrEqual(1);
      await world.heal(FAULT);
      await reaches("resolved");
      await until(/over/);
    },
    async expectOnce() {
      const kinds = (await readEntries(databaseUrl))
        .filter((entry) => JSON.stringify(entry).includes(CHECK))
        .map(({ kind }) => kind)
        .filter((kind) => kind.startsWith("alert."));
      expect(kinds).toEqual(["alert.fired", "alert.resolved"]);
      const all = told();
      expect(all.filter(isAgain).length).toBeLessThanOrEqual(1);
      // The card is silent and edited.
      expect(all.filter((one) => one.silent && !isAgain(one)).length).toBeLessThanOrEqual(1);
      expect(all.some(({ silent }) => silent)).toBe(true);
      // One word sounds when it begins, one when it is over, and one whenever more people are called.
      const steps = await stepsCalled();
      expect(new Set(steps).size).toBe(steps.length);
      expect(sounds().length).toBeLessThanOrEqual(2 + steps.length);
    },
  };
}
