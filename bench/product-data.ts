import { Client } from "pg";

/** How many messages people have written; everything else follows from them. A thousand are some 1.3 MB of database. */
export const USUAL_MESSAGES = 200_000;

/**
 * A database shaped as the product's is: what people write, what a model answers, tasks, and an event for each thing that
 * happened. Identifiers are as random as the product's, and no program packs these; words come as often as words do.
 * Twice the same seed makes twice the same rows.
 */
const dataOf = (messages: number): string => `
  select setseed(0.25);
  create function pg_temp.id(prefix text) returns text language sql volatile as
    $$ select prefix || '_' || lpad(to_hex((random() * 281474976710655)::bigint), 12, '0') $$;
  create temp table vocabulary as select regexp_split_to_array('the a to and of in for with on it before after about from until
    please remember that call write pay book ask send check bring is was not still again will be should could she he they
    said wants needs buy cancel move order plan read repair return review sign sort thank visit water invoice letter heating
    garden report contract train ticket dentist doctor school landlord neighbour meeting agenda draft slides budget numbers
    quarter offer customer project server backup release password laptop printer phone charger battery kitchen window door
    roof bicycle car tyres insurance bank tax form passport flight hotel Hamburg Berlin Lisbon Monday Tuesday Wednesday
    Thursday Friday weekend morning evening tomorrow today week milk bread coffee birthday present flowers cake Anna Ben
    Clara David Elif Frank Greta Hassan late early new old small large green blue broken missing ready urgent quiet',
    '\\s+') as words;
  create function pg_temp.prose(length int) returns text language sql volatile as $$
    select string_agg(words[1 + floor(random() * random() * array_length(words, 1))::int], ' ')
    from vocabulary, generate_series(1, length) $$;

  create table alembic_version (version_num varchar(32) primary key);
  insert into alembic_version values ('c3a2b7d9f1e0');
  create table inbox_items (id varchar primary key, user_id varchar not null, chat_id varchar not null,
    source varchar not null, client_msg_id varchar, message_raw text not null, created_at timestamptz not null);
  create table tasks (id varchar primary key, user_id varchar not null, title text not null, status varchar not null,
    priority int, due_date date, source_inbox_item_id varchar references inbox_items (id), created_at timestamptz not null);
  create index ix_tasks_user_status on tasks (user_id, status);
  create table memory_summaries (id varchar primary key, user_id varchar not null, summary_text text not null,
    source_inbox_item_id varchar references inbox_items (id), created_at timestamptz not null);
  create table event_log (id varchar primary key, request_id varchar not null, user_id varchar not null,
    event_type varchar not null, entity_id varchar, payload_json jsonb not null, created_at timestamptz not null);
  create index ix_event_log_type_created on event_log (event_type, created_at);
  create table prompt_runs (id bigint generated always as identity primary key, request_id varchar not null,
    model varchar not null, input_tokens int not null, output_tokens int not null, latency_ms int not null,
    created_at timestamptz not null);

  insert into inbox_items select pg_temp.id('inb'), 'usr_' || n % 40, 100000000 + n % 40,
    (array['api', 'telegram', 'telegram'])[n % 3 + 1], n, pg_temp.prose(8 + n % 24),
    '2026-01-01'::timestamptz + n * interval '90 seconds' + random() * interval '80 seconds'
    from generate_series(1, ${messages}) n;
  insert into tasks select pg_temp.id('tsk'), user_id, left(message_raw, 60), (array['open', 'done'])[1 + n % 2], n % 4 + 1,
    created_at::date + n % 20, id, created_at + random() * interval '9 seconds'
    from (select *, row_number() over () ::int as n from inbox_items) as items where n % 3 = 0;
  insert into memory_summaries select pg_temp.id('mem'), user_id, pg_temp.prose(60 + n % 60), id,
    created_at + random() * interval '20 seconds'
    from (select *, row_number() over () ::int as n from inbox_items) as items where n % 4 = 0;
  insert into event_log select pg_temp.id('evt'), pg_temp.id('req'), user_id, type, id,
    jsonb_build_object('topic', 'plan_task', 'attempt', 1, 'status', 'ok', 'source', source,
      'latency_ms', floor(random() * 4000), 'length', length(message_raw)), created_at + random() * interval '9 seconds'
    from inbox_items, unnest(array['inbox_captured', 'worker_topic_completed']) as type;
  insert into prompt_runs (request_id, model, input_tokens, output_tokens, latency_ms, created_at)
    select request_id, 'grok-4', 300 + floor(random() * 2000), 40 + floor(random() * 300), 400 + floor(random() * 4000),
    created_at from event_log where event_type = 'worker_topic_completed';
  analyze;`;

/** Fills an empty database, and says how many bytes it then takes. */
export async function fillAsProduct(url: string, messages = USUAL_MESSAGES): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(dataOf(messages));
    const { rows } = await client.query<{ bytes: number }>(
      "select pg_database_size(current_database())::float8 as bytes",
    );
    return rows[0]?.bytes ?? 0;
  } finally {
    await client.end();
  }
}

/** Each message is captured, and worked on. */
export const EVENTS_A_MESSAGE = 2;
