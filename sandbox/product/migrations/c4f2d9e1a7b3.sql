-- What B adds to A's schema, as far as the product here uses it. They copy no rows.
create type work_item_kind as enum ('project', 'task', 'subtask');
create type work_item_status as enum ('open', 'blocked', 'done', 'archived');

create table work_items (
  id varchar primary key,
  user_id varchar not null,
  kind work_item_kind not null,
  parent_id varchar references work_items (id),
  area_id varchar,
  title text not null,
  title_norm text not null,
  notes text,
  attributes_json jsonb not null default '{}',
  status work_item_status not null default 'open',
  priority smallint check (priority between 1 and 4),
  due_at timestamptz,
  scheduled_for timestamptz,
  snooze_until timestamptz,
  estimated_minutes integer check (estimated_minutes > 0),
  source_inbox_item_id varchar references inbox_items (id),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  completed_at timestamptz,
  archived_at timestamptz
);
create index idx_work_items_user_kind_status on work_items (user_id, kind, status);
