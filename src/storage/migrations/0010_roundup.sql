-- Up Migration

-- One card that stands for the messages of many alerts: in a storm of them, or for those that came while nobody could
-- be told. src/core/roundup.ts says when there is one and what becomes of it.
create table roundup (
  id bigint generated always as identity primary key,
  target text not null,
  chat_id bigint not null,
  kind text not null check (kind in ('storm', 'away')),
  -- Since when the oldest of what it holds has waited, and when it last took something in.
  began_at timestamptz not null,
  fed_at timestamptz not null,
  -- When it last sounded, and how many words it has said.
  rang_at timestamptz,
  words integer not null default 0,
  -- The counts that its card was last asked to show.
  shown text not null default '',
  -- It takes in nothing more; then the cards of what is still open come one by one; then all of it is over.
  ended_at timestamptz,
  released_at timestamptz,
  closed_at timestamptz
);
create unique index roundup_one_open on roundup (chat_id, target) where ended_at is null;
create index roundup_unclosed on roundup (id) where closed_at is null;

-- Which alert a card or a word is about, and the roundup that speaks of it; a message that is held is not sent.
alter table outbox add column alert_id bigint
  generated always as (substring(subject from '^(?:word:)?alert:(\d+)')::bigint) stored;
alter table outbox add column roundup_id bigint references roundup (id);
alter table outbox add column held boolean not null default false;
create index outbox_alert on outbox (alert_id) where alert_id is not null;
create index outbox_roundup on outbox (roundup_id, alert_id) where roundup_id is not null;
