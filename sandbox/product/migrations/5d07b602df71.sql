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
