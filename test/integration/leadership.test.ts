import { expect, test } from "vitest";

import { Secret } from "../../src/core/secret.ts";
import { INBOX_CHANNEL } from "../../src/storage/inbox.ts";
import { startLeadership } from "../../src/storage/leadership.ts";
import { OUTBOX_CHANNEL } from "../../src/storage/outbox.ts";
import { createTestDatabase } from "../database.ts";
import { query } from "../support/records.ts";

test("the leader hears what it is told on each channel, and on no other", async () => {
  await using database = await createTestDatabase();
  const heard: string[] = [];
  const leading = Promise.withResolvers<void>();
  await using _leadership = startLeadership({
    url: new Secret(database.url),
    channels: [OUTBOX_CHANNEL, INBOX_CHANNEL],
    leaseMs: 15_000,
    async duties(signal, notified) {
      notified(OUTBOX_CHANNEL, () => heard.push("outbox"));
      notified(INBOX_CHANNEL, () => heard.push("inbox"));
      leading.resolve();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
    alone: async () => {},
    onChange: () => {},
  });
  await leading.promise;
  for (const channel of [INBOX_CHANNEL, "another", OUTBOX_CHANNEL]) {
    await query(database.url, "select pg_notify($1, '')", [channel]);
  }
  await expect.poll(() => heard).toEqual(["inbox", "outbox"]);
});
