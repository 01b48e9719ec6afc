-- Up Migration

-- What was learnt of a release by running it. It is good as long as the newest lesson says so.
create table release (
  target text not null,
  commit text not null,
  lesson text not null check (lesson in ('smoke-go', 'signed-off', 'rolled-back-to', 'rolled-back-from')),
  -- Where the target's database stood in its migrations then; null when that was not known.
  schema_revision text,
  first_met_at timestamptz not null,
  met_at timestamptz not null,
  -- The newest run that met it.
  run_id bigint not null references run (id)
);
create unique index release_once on release (target, commit, lesson, coalesce(schema_revision, ''));

-- What somebody did alone and somebody else has yet to look at.
create table review (
  run_id bigint primary key references run (id),
  target text not null,
  acted_by jsonb not null,
  reason text not null,
  asked_at timestamptz not null,
  due_at timestamptz not null,
  -- How often it was asked for again.
  reminders integer not null default 0,
  given_at timestamptz,
  given_by jsonb,
  words text,
  check ((given_at is null) = (given_by is null) and (given_at is null) = (words is null))
);
create index review_open on review (target, asked_at) where given_at is null;
