create table alembic_version (
  version_num varchar(32) primary key
);

create table inbox_items (
  id varchar primary key,
  user_id varchar not null,
  chat_id varchar not null,
  source varchar not null,
  client_msg_id varchar,
  message_raw text not null,
  created_at timestamptz not null default now()
);

create table tasks (
  id varchar primary key,
  user_id varchar not null,
  title text not null,
  title_norm text not null,
  status varchar not null default 'open',
  priority integer,
  due_date date,
  source_inbox_item_id varchar references inbox_items (id),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  completed_at timestamptz
);
create index ix_tasks_user_status on tasks (user_id, status);

create table memory_summaries (
  id varchar primary key,
  user_id varchar not null,
  chat_id varchar not null,
  summary_text text not null,
  source_inbox_item_id varchar references inbox_items (id),
  created_at timestamptz not null default now()
);

create table prompt_runs (
  id varchar primary key,
  request_id varchar not null,
  user_id varchar not null,
  operation varchar not null,
  model varchar not null,
  input_tokens integer not null default 0,
  output_tokens integer not null default 0,
  cached_input_tokens integer not null default 0,
  latency_ms integer not null,
  status varchar not null,
  error_code varchar,
  created_at timestamptz not null default now()
);

create table event_log (
  id varchar primary key,
  request_id varchar not null,
  user_id varchar not null,
  event_type varchar not null,
  entity_type varchar,
  entity_id varchar,
  payload_json jsonb not null default '{}',
  created_at timestamptz not null default now()
);
create index ix_event_log_request on event_log (request_id);
create index ix_event_log_type_created on event_log (event_type, created_at);

create table idempotency_keys (
  id bigint generated always as identity primary key,
  idempotency_key varchar not null unique,
  request_hash varchar not null,
  response_body jsonb not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);

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

insert into alembic_version (version_num) values ('c3a2b7d9f1e0');
