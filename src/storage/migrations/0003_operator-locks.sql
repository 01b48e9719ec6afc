-- Up Migration

-- Whoever stands here has no rights in the chat, whatever the configuration says: a stolen phone is lost at once.
create table operator_lock (
  telegram_id bigint primary key,
  locked_at timestamptz not null,
  locked_by text not null
);
