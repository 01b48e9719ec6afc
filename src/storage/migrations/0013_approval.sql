-- Up Migration

alter table run_step drop constraint run_step_kind_check;
alter table run_step add constraint run_step_kind_check check (kind in ('look', 'act', 'ask'));

-- Whether the run is the one that may change its target now. An operation that asks holds it from the first yes on, so
-- that a question that nobody answers keeps nobody from anything.
alter table run add column holds boolean not null default false;
update run set holds = mutating;
drop index run_one_mutating_per_target;
create unique index run_one_holder_per_target on run (target)
  where holds and state in ('waiting', 'running', 'unknown');

-- While a question of it is open a run waits for people, and nobody executes it.
alter table run add column asks boolean not null default false;

create table approval (
  id bigint generated always as identity primary key,
  run_id bigint not null references run (id),
  -- The step that asked.
  n integer not null,
  target text not null,
  operation text not null,
  requester jsonb not null,
  policy text not null check (policy in ('second-person', 'confirm', 'break-glass')),
  needs_code boolean not null,
  parameters jsonb not null,
  observed jsonb not null,
  -- Digest of everything that the run does its work by: its input, and what was seen before it asked.
  basis text not null,
  config_hash text not null,
  log_origin text not null,
  -- In every button of its card. 128 bits of chance.
  nonce bytea not null unique,
  asked_at timestamptz not null,
  expires_at timestamptz not null,
  -- HMAC over all of the above by a key that is not in this database: who can write here cannot ask for others.
  mac bytea not null,
  state text not null default 'draft' check (state in
    ('draft', 'posted', 'approved', 'consumed', 'denied', 'expired', 'revoked', 'superseded', 'stale')),
  -- The version of its card that shows it for the first time; it is posted once that stands in the chat.
  card_version integer not null,
  posted_at timestamptz,
  -- Who was shown the codes to choose from, and how often a wrong one was chosen.
  chooser bigint,
  wrong_codes integer not null default 0,
  -- When those who may say yes were reminded in private.
  reminded_at timestamptz,
  ended_at timestamptz,
  -- Why it ended without being used: each a sentence for the card.
  changed text[] not null default '{}',
  unique (run_id, n)
);
create index approval_open on approval (expires_at) where state in ('draft', 'posted', 'approved');
create index approval_asked on approval (asked_at);

create table approval_vote (
  approval_id bigint not null references approval (id),
  telegram_id bigint not null,
  name text not null,
  via text not null check (via in ('telegram', 'cli')),
  vote text not null check (vote in ('yes', 'no')),
  at timestamptz not null,
  -- The tap or the command line that it came by.
  cause text not null,
  -- HMAC over all of the above and the approval's own.
  mac bytea not null,
  primary key (approval_id, telegram_id)
);
