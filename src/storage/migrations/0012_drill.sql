-- Up Migration

-- What each drill came to. A backup is known to restore when a drill of it says VERIFIED, and not otherwise.
create table drill (
  run_id bigint primary key references run (id),
  target text not null,
  -- The name of the backup, which lies in a bucket and not here.
  backup text not null,
  verdict text not null check (verdict in ('VERIFIED', 'FAILED', 'COULD NOT VERIFY')),
  snapshot_at timestamptz not null,
  ended_at timestamptz not null,
  -- From the decision until the application's questions were answered; null when it did not come that far.
  recovery_ms bigint,
  -- How old the snapshot was at the decision.
  loss_ms bigint not null
);
create index drill_newest on drill (target, ended_at desc);
