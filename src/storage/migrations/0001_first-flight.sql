-- Up Migration

create table inbox (
  bot_id bigint not null,
  update_id bigint not null,
  received_at timestamptz not null,
  chat_id bigint not null,
  -- AES-256-GCM over the update; blanked when handled, so that the database never holds chat in clear.
  sealed bytea,
  state text not null default 'received' check (state in ('received', 'handled', 'failed')),
  attempts integer not null default 0,
  next_try_at timestamptz not null,
  primary key (bot_id, update_id)
);
create index inbox_due on inbox (next_try_at) where state = 'received';

create table run (
  id bigint generated always as identity primary key,
  target text not null,
  operation text not null,
  input jsonb not null,
  mutating boolean not null,
  -- What made this run: one update, one tap, one slot, one command line. The same cause never makes two.
  cause text not null unique,
  actor jsonb not null,
  config_hash text not null,
  state text not null default 'waiting'
    check (state in ('waiting', 'running', 'unknown', 'ok', 'failed', 'refused', 'expired', 'cancelled')),
  -- Raised by every claim. Whoever writes with an older epoch was paused while somebody else went on.
  epoch integer not null default 0,
  owner text,
  lease_until timestamptz,
  enqueued_at timestamptz,
  cancel_requested_at timestamptz,
  verdict text,
  reason text,
  created_at timestamptz not null,
  started_at timestamptz,
  ended_at timestamptz
);
create unique index run_one_mutating_per_target on run (target)
  where mutating and state in ('waiting', 'running', 'unknown');
create index run_open on run (id) where state in ('waiting', 'running');
create index run_recent on run (target, id desc);

create table run_step (
  run_id bigint not null references run (id),
  n integer not null,
  name text not null,
  kind text not null check (kind in ('look', 'act')),
  -- cleared: in doubt until a look or a person said that it did not happen.
  state text not null check (state in ('started', 'done', 'failed', 'unknown', 'cleared')),
  epoch integer not null,
  -- Sent along with an outside effect where the other side takes one; the same for every attempt of the step.
  idempotency_key uuid not null,
  -- What the world looked like before an act, so that a later look can tell whether it happened.
  baseline jsonb,
  progress jsonb,
  result jsonb,
  error text,
  started_at timestamptz not null,
  ended_at timestamptz,
  primary key (run_id, n)
);

create table outbox (
  id bigint generated always as identity primary key,
  -- What the message is about: `run:12`, `reply:tg-345`. One message per subject, edited as the subject changes.
  subject text not null unique,
  chat_id bigint not null,
  topic_id bigint,
  reply_to bigint,
  -- The card of a subject that has no other state; the others are drawn from their rows when they are sent.
  card jsonb,
  priority smallint not null,
  wanted_version integer not null default 1,
  sent_version integer not null default 0,
  not_before timestamptz not null,
  attempts integer not null default 0,
  -- Set before a first send and cleared after it. Left behind by a crash or a lost answer it means: perhaps sent.
  sending_since timestamptz,
  resent boolean not null default false,
  message_id bigint,
  message_kind text check (message_kind in ('text', 'document')),
  sent_at timestamptz,
  abandoned_because text
);
create index outbox_due on outbox (chat_id, priority, id)
  where wanted_version > sent_version and abandoned_because is null;

create table evidence_head (
  log text primary key,
  origin text not null,
  size bigint not null,
  head text not null,
  last_at timestamptz
);

create table evidence (
  log text not null references evidence_head (log),
  seq bigint not null,
  at timestamptz not null,
  canonical text not null,
  prev text not null,
  hash text not null,
  kind text not null,
  run text not null,
  -- `run:step:kind`: a retry cannot record the same thing twice.
  once text not null,
  primary key (log, seq),
  unique (log, once),
  unique (log, hash)
);

create function evidence_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'evidence is append-only: % refused', tg_op;
end $$;
create trigger evidence_no_change before update or delete on evidence
  for each row execute function evidence_is_append_only();
create trigger evidence_no_truncate before update or delete or truncate on evidence
  for each statement execute function evidence_is_append_only();

create table sample (
  target text not null,
  check_name text not null,
  at timestamptz not null,
  status text not null check (status in ('pass', 'fail', 'unknown', 'not-configured')),
  duration_ms integer not null,
  reason text,
  measurements jsonb not null
);
create index sample_recent on sample (target, check_name, at desc);
