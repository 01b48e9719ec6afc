-- Up Migration

-- Whoever stands here has no rights over the target in the chat, whatever the configuration says: a stolen phone is lost at once.
create table operator_lock (
  target text not null,
  telegram_id bigint not null,
  locked_at timestamptz not null,
  locked_by text not null,
  primary key (target, telegram_id)
);
