import { setTimeout as sleep } from "node:timers/promises";

import { vi } from "vitest";

import type { PersonaName, Persona } from "../../sandbox/telegram/server.ts";
import type { World } from "../../sandbox/world.ts";
import { query } from "./records.ts";

/** People may be asked five times an hour by the same person; a test asks more often. What stands open stays as it is. */
export async function mayAskAgain(databaseUrl: string): Promise<void> {
  await query(
    databaseUrl,
    `update approval set asked_at = asked_at - interval '1 hour'
     where state not in ('draft', 'posted', 'approved')`,
  );
}

const TOO_FAST = /faster than anybody reads/;
const NOT_THERE_YET = /sees no button/;

/** What the one who tapped was told; empty when the tap counted. */
export async function tapped(
  world: World,
  who: PersonaName | Persona,
  target: Parameters<ReturnType<World["as"]>["tap"]>[0],
): Promise<string> {
  const { queryId } = world.telegram.as(who).tap(target);
  const answer = await world.telegram.waitFor(
    () => world.telegram.callbackAnswers().find((one) => one.queryId === queryId),
    { timeoutMs: 20_000 },
  );
  return answer.text ?? "";
}

/** Lets what is asked in the chat have stood there for as long as people read, once it stands there. */
export async function letBeRead(databaseUrl: string): Promise<void> {
  await vi.waitUntil(async () => standsLonger(databaseUrl), { timeout: 20_000, interval: 100 });
}

async function standsLonger(databaseUrl: string): Promise<boolean> {
  const sql = `update approval set posted_at = posted_at - interval '5 seconds' where state = 'posted'`;
  return ((await query(databaseUrl, sql)).rowCount ?? 0) > 0;
}

/**
 * Taps as people do who have read what they tap on: once the button is there, and not at once. With the database of the
 * bot nobody waits for them to read.
 */
export async function tapAfterReading(
  world: World,
  who: PersonaName | Persona,
  target: { readonly messageId: number; readonly label: string },
  databaseUrl?: string,
): Promise<string> {
  const deadline = AbortSignal.timeout(30_000);
  for (;;) {
    const said = await tapped(world, who, target).catch((error: unknown) => {
      if (error instanceof Error && NOT_THERE_YET.test(error.message)) return undefined;
      throw error;
    });
    if (said !== undefined && !TOO_FAST.test(said)) return said;
    if (deadline.aborted)
      throw new Error(`"${target.label}" could not be tapped: ${said ?? "no button"}`);
    if (databaseUrl === undefined || !(await standsLonger(databaseUrl))) await sleep(300);
  }
}
