import { setTimeout as sleep } from "node:timers/promises";

import { query } from "../support/records.ts";

const LOOK_EVERY_MS = 1_000;
/** Looked at twice, because what is about to be written is not seen yet. */
const QUIET_LOOKS = 3;

/** Waits until nothing more is to come, and says what still was, if that takes too long. */
export async function untilQuiet(
  databaseUrl: string,
  withinMs: number,
): Promise<readonly string[]> {
  const deadline = AbortSignal.timeout(withinMs);
  let quietLooks = 0;
  for (;;) {
    const restless = await restlessIn(databaseUrl);
    quietLooks = restless.length === 0 ? quietLooks + 1 : 0;
    if (quietLooks >= QUIET_LOOKS) return [];
    if (deadline.aborted) return restless;
    await sleep(LOOK_EVERY_MS);
  }
}

/** Everything that is under way: each row is a thing in words. */
const RESTLESS = `
  select 'update ' || update_id || ' is not handled' as what from inbox where state = 'received'
  union all select 'run ' || id || ' (' || operation || ') is ' || state from run
    where state in ('waiting', 'running', 'unknown')
  union all select 'message ' || subject || ' is at ' || sent_version || ' of ' || wanted_version from outbox
    where sent_version < wanted_version and abandoned_because is null and not held
  union all select 'call ' || key || ' waits' from call where state = 'waiting'
  union all select 'the file ends at ' || f.rendered || ' of ' || h.size || ' entries' from evidence_head h
    left join evidence_file f on f.log = h.log where coalesce(f.rendered, 0) < h.size
  union all select 'alert ' || check_name || ' is untold' from alert
    where state = 'firing' and told_at is null and behind is null
      and not exists (select from silence s where ended_at is null and (check_name = any (s.checks) or s.checks = '{}'))
`;

async function restlessIn(databaseUrl: string): Promise<readonly string[]> {
  const { rows } = await query<{ what: string }>(databaseUrl, RESTLESS);
  return rows.map(({ what }) => what);
}
