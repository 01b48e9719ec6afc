-- Up Migration

-- What people add to a run of the operation deploy that ended well: the fields that it could not see itself, and who has
-- reviewed the whole. One of a target is open at most; what is deployed after it makes it meaningless.
create table sign_off (
  run_id bigint primary key references run (id),
  target text not null,
  state text not null default 'open' check (state in ('open', 'signed', 'superseded')),
  opened_at timestamptz not null,
  reviewed_by text,
  closed_at timestamptz,
  check ((state = 'signed') = (reviewed_by is not null)),
  check ((state = 'open') = (closed_at is null))
);
create unique index sign_off_one_open on sign_off (target) where state = 'open';

create table sign_off_answer (
  run_id bigint not null references sign_off (run_id),
  field text not null,
  yes boolean not null,
  answered_by text not null,
  answered_at timestamptz not null,
  primary key (run_id, field)
);
