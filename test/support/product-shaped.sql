create extension pg_trgm;
create type mood as enum ('calm', 'keen');
create domain positive as integer check (value > 0);
create table alembic_version (version_num varchar(32) primary key);
insert into alembic_version values ('c3a2b7d9f1e0');
create table inbox_items (
  id bigint generated always as identity primary key,
  source varchar(16) not null check (source in ('api', 'telegram')),
  message text not null,
  mood mood not null default 'calm',
  weight positive not null default 1,
  score double precision not null default random(),
  payload jsonb not null default '{}',
  created_at timestamptz not null default now()
);
insert into inbox_items (source, message, payload)
  select 'api', 'message ' || n, jsonb_build_object('n', n) from generate_series(1, 2000) as n;
create table tasks (
  id varchar primary key,
  inbox_item bigint references inbox_items (id),
  title text not null,
  done boolean not null default false
);
insert into tasks select 'task-' || n, n, 'title ' || n from generate_series(1, 500) as n;
create index ix_tasks_done on tasks (done);
create index ix_tasks_title on tasks using gin (title gin_trgm_ops);
create index ix_inbox_api on inbox_items (created_at) where source in ('api', 'telegram');
create table nothing_yet (id serial primary key, note text);
create table events (id bigint not null, day date not null, primary key (id, day)) partition by range (day);
create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
insert into events select n, '2026-11-23' from generate_series(1, 100) as n;
create view open_tasks as select id, title from tasks where not done;
create materialized view task_count as select count(*) as tasks from tasks;
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger tasks_touch before update on tasks for each row execute function touch();
alter table tasks add constraint title_is_short check (length(title) < 200) not valid;
alter table inbox_items enable row level security;
create policy everybody on inbox_items using (weight > 0);
