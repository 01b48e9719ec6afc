-- Up Migration

alter table outbox drop constraint outbox_message_kind_check;
alter table outbox add constraint outbox_message_kind_check
  check (message_kind in ('text', 'document', 'photo'));

-- Samples come in order of time, so the smallest of indexes is enough to find those that are old.
create index sample_age on sample using brin (at);
