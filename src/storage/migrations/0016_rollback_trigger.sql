-- Up Migration

-- A rule that asks for a rollback because of an alert: from when to when, and what came of it.
create table rollback_trigger (
  id bigint generated always as identity primary key,
  target text not null,
  rule text not null,
  alert_id bigint not null references alert (id) on delete cascade,
  met_at timestamptz not null,
  over_at timestamptz,
  -- What one would go back to, as it was found when somebody looked; null when there was nothing, or nobody could look.
  looked_at timestamptz,
  release_to text,
  -- The run that the rule began by itself.
  acted_at timestamptz,
  run_id bigint references run (id)
);
create unique index rollback_trigger_one_open on rollback_trigger (target, rule, alert_id) where over_at is null;
create index rollback_trigger_of_alert on rollback_trigger (alert_id);
create index rollback_trigger_acted on rollback_trigger (target, rule, acted_at) where acted_at is not null;
