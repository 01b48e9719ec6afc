-- Up Migration

-- How far each schedule has been dealt with. All slots up to `since` were run or missed, or were before its time.
create table schedule (
  target text not null,
  name text not null,
  -- Pattern and time zone. Another one begins anew: the slots that it would have had are nobody's.
  definition text not null,
  since timestamptz not null,
  -- Why a slot that is due could not be run so far.
  obstacle text,
  primary key (target, name)
);

-- The key lets a slot happen once, with replicas, restarts and clocks that jump.
create table schedule_slot (
  target text not null,
  name text not null,
  slot timestamptz not null,
  decided_at timestamptz not null,
  outcome text not null check (outcome in ('run', 'answered', 'refused', 'missed')),
  run_id bigint references run (id),
  reason text,
  -- When the end of its run was looked at, and told where it had to be.
  settled_at timestamptz,
  primary key (target, name, slot)
);
create index schedule_slot_open on schedule_slot (target) where outcome = 'run' and settled_at is null;

-- What people add to a run of the operation checklist: until when it is open, and who ticked what.
create table checklist (
  run_id bigint primary key references run (id),
  target text not null,
  name text not null,
  ends_at timestamptz not null,
  state text not null default 'open' check (state in ('open', 'complete', 'expired', 'superseded')),
  closed_at timestamptz,
  superseded_by bigint references run (id)
);
create unique index checklist_one_open on checklist (target, name) where state = 'open';

create table checklist_tick (
  run_id bigint not null references checklist (run_id),
  item text not null,
  ticked_by text not null,
  ticked_at timestamptz not null,
  primary key (run_id, item)
);
