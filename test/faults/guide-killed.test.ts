import { expect, test } from "vitest";

import type { ChatMessage } from "../../sandbox/telegram/server.ts";
import { startWorld } from "../../sandbox/world.ts";
import { createTestDatabase } from "../database.ts";
import { startBotIn, untilFound, untilStruck } from "../support/bot-in-world.ts";
import { query } from "../support/records.ts";

const READY_MS = 40_000;
const WAIT_MS = 30_000;

test.each([
  ["guide.turned", "before it is committed that he was heard"],
  ["inbox.handled", "after that, and before he sees it"],
] as const)(
  "killed with SIGKILL at %s, %s: the guide goes on where it was, and the tap counts once",
  async (moment, _when) => {
    await using world = await startWorld();
    await using database = await createTestDatabase();
    const shared = { databaseUrl: database.url, readyWithinMs: READY_MS };
    const otto = world.as("operator");
    const found = (reads: RegExp): ChatMessage | undefined =>
      otto.messages("private").findLast(({ text }) => reads.test(text));
    // The first is heard when he asks for the guide, the second when he taps.
    const bot = await startBotIn(world, { ...shared, killAt: `${moment}#2` });
    otto.say("/rotate guide todoist-token", { chat: "private" });
    const guide = await untilFound(world, () => found(/step 1 of 4/), {
      what: "guide",
      bot,
      withinMs: WAIT_MS,
    });
    otto.tap({ messageId: guide.id, label: "What if it fails" });
    await untilStruck(bot, WAIT_MS);
    await using survivor = await startBotIn(world, shared);
    const shown = await untilFound(world, () => found(/step 1 of 4[^]*If it fails/), {
      what: "answer to the tap",
      bot: survivor,
      withinMs: WAIT_MS,
    });
    expect(shown.id).toBe(guide.id);
    const { rows } = await query<{ taps: number; states: string }>(
      database.url,
      `select (select count(*)::int from conversation c, regexp_matches(c.state::text, '"data": ?"sandbox todoist-token fails 0"', 'g')) as taps,
         (select string_agg(distinct state, ',') from inbox) as states`,
    );
    expect(rows).toEqual([{ taps: 1, states: "handled" }]);
    otto.tap({ messageId: guide.id, label: "Stop" });
    await untilFound(world, () => found(/stopped at step 1/), {
      what: "end of the guide",
      bot: survivor,
      withinMs: WAIT_MS,
    });
  },
);
