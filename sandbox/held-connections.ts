import { Client } from "pg";

import type { ProductPostgres } from "./product-postgres.ts";

export type HeldConnections = { hold(): Promise<void>; release(): void };

/** Of all that PostgreSQL allows; leaves enough for whoever looks. */
const SHARE = 0.87;

/** Somebody who opens connections and does not close them. */
export function createHeldConnections(
  postgres: Pick<ProductPostgres, "ownerUrl" | "query">,
): HeldConnections {
  let held: readonly Client[] = [];
  return {
    hold: async () => {
      const [room] = await postgres.query(
        `select (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int)
           * $1::float8 - (select sum(numbackends) from pg_stat_database) as wanted`,
        [SHARE],
      );
      const wanted = Math.ceil(Number(room?.["wanted"] ?? 0));
      held = Array.from({ length: wanted }, () => {
        const client = new Client({ connectionString: postgres.ownerUrl });
        client.on("error", () => {
          // When the server goes down, so do they, which is no concern of anybody's.
        });
        return client;
      });
      await Promise.all(held.map((client) => client.connect()));
    },
    release: () => {
      // A frozen server never confirms the end of a connection.
      for (const client of held) client.connection.stream.destroy();
      held = [];
    },
  };
}
