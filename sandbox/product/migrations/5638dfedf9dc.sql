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
