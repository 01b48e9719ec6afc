import { expect, test } from "vitest";

import { Secret } from "../../src/core/secret.ts";
import { migrate } from "../../src/storage/migrate.ts";
import { createTestDatabase } from "../database.ts";
import { query } from "../support/records.ts";

test("several processes that start at once with an empty database all come up, with one schema", async () => {
  await using database = await createTestDatabase();
  const starting = Array.from({ length: 4 }, async () =>
    migrate(new Secret(database.url), () => undefined),
  );
  const ends = await Promise.allSettled(starting);
  expect(ends.map(({ status }) => status)).toEqual(ends.map(() => "fulfilled"));
  const { rows } = await query<{ name: string; count: string }>(
    database.url,
    "select name, count(*) from migration group by name having count(*) > 1",
  );
  expect(rows).toEqual([]);
});
