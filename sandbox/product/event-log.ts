import type { Query } from "./database.ts";
import { newId } from "./ids.ts";

export type Event = {
  readonly requestId: string;
  readonly user: string;
  readonly type: string;
  readonly entity?: { readonly type: string; readonly id: string };
  readonly payload?: object;
};

export async function logEvent(query: Query, event: Event): Promise<void> {
  await query(
    `insert into event_log (id, request_id, user_id, event_type, entity_type, entity_id, payload_json)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [
      newId("evt"),
      event.requestId,
      event.user,
      event.type,
      event.entity?.type ?? null,
      event.entity?.id ?? null,
      JSON.stringify(event.payload ?? {}),
    ],
  );
}
