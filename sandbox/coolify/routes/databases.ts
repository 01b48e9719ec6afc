import { presentDatabase } from "../present.ts";
import { notFound } from "../refusal.ts";
import type { Route } from "../route.ts";
import { readRoute } from "../route.ts";

export const databaseRoutes: readonly Route[] = [
  readRoute("/databases", ({ state, seesHidden }) =>
    state.databases.map((row) => ({
      ...presentDatabase(state, row, seesHidden),
      backup_configs: [],
    })),
  ),
  readRoute("/databases/:uuid", ({ state, parameters, seesHidden }) => {
    const row = state.databases.find((each) => each.uuid === parameters["uuid"]);
    if (row === undefined) throw notFound("Database");
    return presentDatabase(state, row, seesHidden);
  }),
];
