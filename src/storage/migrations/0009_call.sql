-- Up Migration

-- A call to a person by another way than the chat: one row for each path and address. Written with what it is about,
-- tried until it is taken or the tries are used up.
create table call (
  id bigint generated always as identity primary key,
  -- What, by which path and to whom: the same call is never made twice. The id in the message is made of it.
  key text not null unique,
  -- `alert:12`, `delivery`: what may be over before, or after, it comes through.
  about text not null,
  kind text not null check (kind in ('fired', 'over', 'test')),
  target text not null,
  severity text not null check (severity in ('page', 'warn')),
  what text not null,
  people text[] not null,
  path text not null check (path in ('webhook', 'smtp')),
  -- A mail address; a webhook has but one, and it is a secret that stays in the configuration.
  address text not null,
  called_at timestamptz not null,
  -- withdrawn: it was over, or somebody had it, before it came through.
  state text not null default 'waiting' check (state in ('waiting', 'sent', 'failed', 'withdrawn')),
  attempts integer not null default 0,
  next_try_at timestamptz not null,
  -- Set before a try and cleared by a sure no. Found set at the next try it means: perhaps taken already.
  in_doubt boolean not null default false,
  sent_at timestamptz,
  error text
);
create index call_due on call (path, next_try_at) where state = 'waiting';
create index call_about on call (about);

-- That the database takes writes is proved by one, each time before the outside is told that all is well.
create table heartbeat (
  only_one boolean primary key default true check (only_one),
  at timestamptz not null,
  instance text not null
);
