-- Up Migration

-- What was signed: the note of a checkpoint stands in the file behind the entry of its size. Its size is the whole of the
-- log at that moment, taken under the head's lock, so that nothing can have been rendered behind that place yet.
create table evidence_checkpoint (
  log text not null references evidence_head (log),
  size bigint not null,
  -- Hex of the RFC 6962 root over the hashes of all entries up to `size`.
  root text not null,
  note text not null,
  at timestamptz not null,
  -- The first note of a day goes to the ops chat, and with a witness configured each goes into git.
  posted_at timestamptz,
  witnessed_at timestamptz,
  primary key (log, size)
);
create function evidence_checkpoint_is_final() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and (new.log, new.size, new.root, new.note, new.at)
    is not distinct from (old.log, old.size, old.root, old.note, old.at) then
    return new;
  end if;
  raise exception 'a checkpoint is final: % refused', tg_op;
end $$;
create trigger evidence_checkpoint_no_change before update or delete on evidence_checkpoint
  for each row execute function evidence_checkpoint_is_final();
create trigger evidence_checkpoint_no_truncate before truncate on evidence_checkpoint
  for each statement execute function evidence_is_append_only();

-- Where a file ends because it had grown large: behind the checkpoint of this size. The next one begins after it.
create table evidence_rotation (
  log text not null,
  after_size bigint not null,
  at timestamptz not null,
  primary key (log, after_size),
  foreign key (log, after_size) references evidence_checkpoint (log, size)
);

-- How far the file is, as whoever renders it last knew it to be on the disk, and what is wrong with it.
create table evidence_file (
  log text primary key references evidence_head (log),
  -- Bytes of the present file that were synced to the disk, and the last entry in them.
  bytes bigint not null default 0,
  rendered bigint not null default 0,
  rendered_at timestamptz,
  trouble text check (trouble in ('cannot-write', 'edited', 'ahead', 'foreign')),
  trouble_detail text,
  trouble_since timestamptz,
  -- When the chat was last told of it.
  told_at timestamptz,
  -- Why the log is not signed as it stands, in one sentence; what was signed before does not lie on it.
  signing_refused text,
  -- A person has asked for the file to be rendered afresh.
  repair_asked_at timestamptz,
  repair_cause text
);
