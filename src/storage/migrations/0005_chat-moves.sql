-- Up Migration

-- A basic group that becomes a supergroup goes on under another id. Telegram says so once; the configuration lags behind.
create table chat_move (
  from_chat_id bigint primary key,
  to_chat_id bigint not null,
  moved_at timestamptz not null
);
