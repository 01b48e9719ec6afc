create table todoist_task_map (
  id varchar primary key,
  user_id varchar not null,
  local_task_id varchar not null unique references tasks (id),
  todoist_task_id varchar,
  sync_state varchar not null default 'pending',
  last_synced_at timestamptz,
  last_attempt_at timestamptz,
  last_error text
);
