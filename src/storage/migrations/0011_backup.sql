-- Up Migration

-- What is known of the backups in a target's bucket. The bucket is the truth, this is what was last seen of it: before
-- every backup and every deletion it is compared, and what only the bucket knows is taken in.
create table backup (
  target text not null,
  -- The second in which it was begun, in UTC; the name of its objects too.
  id text not null,
  snapshot_at timestamptz not null,
  bytes bigint not null,
  sha256 text not null,
  -- The run that made it, as its manifest says; it may be of another database.
  run text not null,
  tables integer not null,
  rows bigint not null,
  -- How long dumping took, for the estimate of the next one; null when another database knows.
  took_ms bigint,
  -- When every byte was last read back and found to be the one that was written.
  read_back_at timestamptz,
  -- What reading its bytes found wrong, and what looking at the bucket did. Null when nothing is known to be.
  read_problem text,
  stock_problem text,
  deleted_at timestamptz,
  primary key (target, id)
);
create index backup_newest on backup (target, snapshot_at desc) where deleted_at is null;
