-- Up Migration

-- Every webhook that we ever set for a bot. One that is found set and is not in here is somebody else's.
create table own_webhook (
  bot_id bigint not null,
  url text not null,
  set_at timestamptz not null,
  primary key (bot_id, url)
);
