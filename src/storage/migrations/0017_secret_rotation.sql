-- Up Migration

-- A secret that is being replaced, or was. The values are sealed, stay until the rotation is over, and no longer; a
-- fingerprint tells two secrets apart and says nothing about either.
create table secret_rotation (
  id bigint generated always as identity primary key,
  target text not null,
  secret text not null,
  -- The run that goes on with it: another one takes up what an earlier one has left.
  run_id bigint not null references run (id),
  state text not null default 'open' check (state in ('open', 'done', 'led-back')),
  exposed boolean not null,
  old_sealed bytea,
  new_sealed bytea,
  old_fingerprint text,
  new_fingerprint text,
  -- What has to be known later and is no secret, such as a provider's id of a key.
  notes jsonb not null default '{}',
  begun_at timestamptz not null,
  minted_at timestamptz,
  -- Since when the old one is refused, and when it was put beyond recall.
  disabled_at timestamptz,
  destroyed_at timestamptz,
  ended_at timestamptz,
  check (state = 'open' or (old_sealed is null and new_sealed is null)),
  check ((state = 'open') = (ended_at is null))
);
create unique index secret_rotation_one_open on secret_rotation (target, secret) where state = 'open';
create index secret_rotation_ages on secret_rotation (target, secret, minted_at) where state = 'done';
