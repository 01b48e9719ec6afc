-- Up Migration

-- Where a person stands in what the bot leads him through, one row a chat and person. It holds the taps on buttons and
-- what was seen after them, in the form of the library that replays it, and never what somebody typed.
create table conversation (
  -- The chat's id and the person's.
  key text primary key,
  state jsonb not null,
  expires_at timestamptz not null
);
create index conversation_expires on conversation (expires_at);
