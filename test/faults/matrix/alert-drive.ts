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
  const sounds = (): readonly ChatMessage[] =>
    told().filter(({ silent, text }) => !silent && !text.includes("(resent)"));
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
      const again = told().filter(({ text }) => text.includes("(resent)"));
      expect(again.length).toBeLessThanOrEqual(1);
      const plain = told().filter((message) => !again.includes(message));
      // The card is silent and edited; one word sounds when it begins, and one when it is over.
      expect(plain.filter(({ silent }) => silent).length).toBeLessThanOrEqual(1);
      expect(sounds().length).toBeLessThanOrEqual(2);
      expect(told().some(({ silent }) => silent)).toBe(true);
    },
  };
}
