-- Up Migration

-- A message may come without a sound, and may answer the message of another subject, whose id is known when it is sent.
alter table outbox add column silent boolean not null default false;
alter table outbox add column reply_to_subject text;
alter table outbox add column created_at timestamptz not null default now();

-- A check's lasting trouble and its life until it is over: src/core/alert.ts says what may become of it.
create table alert (
  id bigint generated always as identity primary key,
  target text not null,
  check_name text not null,
  severity text not null check (severity in ('page', 'warn')),
  state text not null check (state in ('pending', 'firing', 'acknowledged', 'resolved')),
  since timestamptz not null,
  looked_at timestamptz not null,
  trouble_kind text not null check (trouble_kind in ('down', 'blind')),
  trouble_seen text not null,
  good_since timestamptz,
  relapses integer not null default 0,
  behind text,
  fired_at timestamptz,
  told_at timestamptz,
  owes_word boolean not null default false,
  acknowledged_by text,
  acknowledged_at timestamptz,
  resolved_at timestamptz,
  -- How many people were called so far, and how often it has spoken: every word is a message of its own.
  called integer not null default 0,
  words integer not null default 0,
  check ((state = 'pending') = (fired_at is null)),
  check ((state = 'resolved') = (resolved_at is not null)),
  check (state <> 'acknowledged' or (acknowledged_by is not null and acknowledged_at is not null))
);
create unique index alert_one_open on alert (target, check_name) where state <> 'resolved';
create index alert_newest on alert (target, check_name, id desc);
create index alert_open on alert (target, severity) where state <> 'resolved';
create index alert_behind on alert (target, behind) where behind is not null and state <> 'resolved';

-- What is not to be spoken of for a while, and by whose will.
create table silence (
  id bigint generated always as identity primary key,
  target text not null,
  -- The checks that it hides; none named means all of them.
  checks text[] not null,
  -- Until an alert is over, or until a moment.
  alert_id bigint references alert (id),
  until timestamptz,
  reason text not null,
  set_by text not null,
  set_at timestamptz not null,
  ended_at timestamptz,
  ended_by text,
  check ((alert_id is null) <> (until is null))
);
create index silence_open on silence (target) where ended_at is null;

-- A step that is under way may say what it disturbs; those checks wait until its deadline before they are alerts.
alter table run_step add column disturbs text[] not null default '{}';
alter table run_step add column disturbs_until timestamptz;
