import { execFile } from "node:child_process";
import { join } from "node:path";

import type { Entry } from "../../src/core/entry.ts";
import { query, readEntries } from "../support/records.ts";
import type { Said } from "./company.ts";
import { countEffects, type Act } from "./effects.ts";
import type { Done } from "./nemesis.ts";
import type {
  AlertRow,
  ApprovalRow,
  CallRow,
  InboxRow,
  OutboxRow,
  Recorded,
  RunRow,
  StepRow,
} from "./record.ts";
import type { Stage } from "./stage.ts";

type Received = ReturnType<Stage["world"]["secondPath"]["calls"]>[number];

const root = join(import.meta.dirname, "../..");
const VERIFY_WITHIN_MS = 60_000;

/** Gathers what there is to be right about, once everything is quiet. */
export async function collect(
  stage: Stage,
  begun: {
    readonly at: Date;
    readonly said: readonly Said[];
    readonly done: readonly Done[];
    readonly restless: readonly string[];
    readonly leaks: readonly string[];
  },
): Promise<Recorded> {
  const url = stage.stores.databaseUrl;
  const read = async <Row extends Record<string, unknown>>(sql: string): Promise<readonly Row[]> =>
    (await query<Row>(url, sql)).rows;
  const runs = await read<RunRow>(
    `select id::text, operation, cause, state, verdict, (actor ->> 'telegram')::integer as "askedBy" from run order by run.id`,
  );
  const acts = await read<Act>(
    `select s.run_id::text as "runId", s.name, s.state, s.idempotency_key::text as key, s.result,
       look.result -> 'letter' ->> 'job' as job, s.started_at as "startedAt", s.ended_at as "endedAt"
     from run_step s left join run_step look on look.run_id = s.run_id and look.name = 'dead letters' and s.name = 'put back'
     where s.kind = 'act' order by s.run_id, s.n`,
  );
  const { lines, world } = stage;
  return {
    said: begun.said,
    done: begun.done,
    restless: begun.restless,
    leaks: begun.leaks,
    runs,
    inbox: await read<InboxRow>(`select update_id::integer as "updateId", state from inbox`),
    steps: await read<StepRow>(
      `select run_id::text as "runId", n, name, kind, state, started_at as "startedAt" from run_step order by run_id, n`,
    ),
    outbox: await read<OutboxRow>(
      `select subject, reply_to::integer as "replyTo", message_id::integer as "messageId", wanted_version as wanted,
         sent_version as sent, resent, held, abandoned_because as abandoned, roundup_id::text as roundup from outbox`,
    ),
    approvals: await read<ApprovalRow>(
      `select a.id::text, a.run_id::text as "runId", a.n, a.state, a.policy,
         coalesce((select json_agg(json_build_object('by', v.telegram_id, 'vote', v.vote, 'cause', v.cause))
           from approval_vote v where v.approval_id = a.id), '[]') as votes
       from approval a order by a.id`,
    ),
    alerts: await read<AlertRow>(
      `select a.id::text, a.check_name as "check", a.state, a.behind, a.fired_at as "firedAt", a.told_at as "toldAt",
         exists (select from silence s where a.check_name = any (s.checks) or s.checks = '{}') as "isSilenced"
       from alert a where a.fired_at is not null order by a.id`,
    ),
    entries: await soundEntries(url),
    messages: stage.history.messages(),
    calls: world.secondPath.calls().flatMap(callOf),
    ...(await countEffects(stage, begun.at, acts, runs)),
    evidence: await verify(stage),
    brokenConnections: lines.telegram.broken() + lines.database.broken(),
    troubledCalls: stage.history.troubledCalls(),
  };
}

/** What arrived counts if it was signed by whoever knows the secret. */
function callOf({ body, isGenuine }: Received): readonly CallRow[] {
  if (!isGenuine) return [];
  const { kind, what, at } = body;
  return [{ kind: String(kind), what: String(what), at: new Date(String(at)) }];
}

/** What stands in the database, if it is a chain; a broken one is told by the verification. */
async function soundEntries(url: string): Promise<readonly Entry[]> {
  return readEntries(url).catch(() => []);
}

/** By the tool that anybody has, over the files, the key, and the rows that the files are to be rendered from. */
async function verify(stage: Stage): Promise<Recorded["evidence"]> {
  const key = join(stage.comms, "keys", "sandbox.vkey");
  const args = [
    "evidence",
    "verify",
    stage.comms,
    "--key",
    key,
    "--db",
    "--config",
    stage.configFile,
  ];
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(root, "src/main.ts"), ...args],
      { cwd: root, env: stage.environment, timeout: VERIFY_WITHIN_MS },
      (error, stdout, stderr) => {
        const exitCode = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ exitCode, said: `${stdout}${stderr}`.trim() });
      },
    );
  });
}
