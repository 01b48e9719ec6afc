create table idempotency_keys (
  id bigint generated always as identity primary key,
  idempotency_key varchar not null unique,
  request_hash varchar not null,
  response_body jsonb not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
