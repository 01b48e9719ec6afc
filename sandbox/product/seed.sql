-- A team of one week: enough that every count and every list has something in it, and nothing that a check would mind.
insert into inbox_items (id, user_id, chat_id, source, message_raw, created_at) values
  ('inb_5f0c1a72be01', 'usr_dev', '881204417', 'telegram', 'call the landlord about the heating before Friday', now() - interval '6 days'),
  ('inb_5f0c1a72be02', 'usr_dev', '881204417', 'telegram', 'book the train to Hamburg', now() - interval '4 days'),
  ('inb_5f0c1a72be03', 'usr_dev', '881204417', 'telegram', 'the quarterly report needs the new numbers', now() - interval '2 days'),
  ('inb_5f0c1a72be04', 'usr_dev', '881204417', 'api', 'buy a present for Mira', now() - interval '20 hours');

insert into tasks (id, user_id, title, title_norm, status, source_inbox_item_id, created_at, updated_at, completed_at) values
  ('tsk_a1d3770c9e01', 'usr_dev', 'Call the landlord about the heating', 'call the landlord about the heating', 'done', 'inb_5f0c1a72be01', now() - interval '6 days', now() - interval '5 days', now() - interval '5 days'),
  ('tsk_a1d3770c9e02', 'usr_dev', 'Book the train to Hamburg', 'book the train to hamburg', 'open', 'inb_5f0c1a72be02', now() - interval '4 days', now() - interval '4 days', null),
  ('tsk_a1d3770c9e03', 'usr_dev', 'Put the new numbers into the quarterly report', 'put the new numbers into the quarterly report', 'open', 'inb_5f0c1a72be03', now() - interval '2 days', now() - interval '2 days', null),
  ('tsk_a1d3770c9e04', 'usr_dev', 'Buy a present for Mira', 'buy a present for mira', 'open', 'inb_5f0c1a72be04', now() - interval '20 hours', now() - interval '20 hours', null);

insert into todoist_task_map (id, user_id, local_task_id, todoist_task_id, sync_state, last_synced_at, last_attempt_at) values
  ('map_0b6de9157a01', 'usr_dev', 'tsk_a1d3770c9e01', '8402617735', 'synced', now() - interval '5 days', now() - interval '5 days'),
  ('map_0b6de9157a02', 'usr_dev', 'tsk_a1d3770c9e02', '8402617741', 'synced', now() - interval '1 hour', now() - interval '1 hour'),
  ('map_0b6de9157a03', 'usr_dev', 'tsk_a1d3770c9e03', '8402617752', 'synced', now() - interval '1 hour', now() - interval '1 hour');

insert into memory_summaries (id, user_id, chat_id, summary_text, source_inbox_item_id, created_at) values
  ('mem_77c41e9d0301', 'usr_dev', '881204417', 'Heating is settled; a trip to Hamburg and the quarterly report are open.', 'inb_5f0c1a72be03', now() - interval '2 days');

insert into prompt_runs (id, request_id, user_id, operation, model, input_tokens, output_tokens, cached_input_tokens, latency_ms, status, created_at) values
  ('prm_3e19c05af701', 'b2f6a1d0-58c3-4f0e-9a57-3f1d2f6f8c11', 'usr_dev', 'extract', 'grok-4-fast', 118, 31, 20, 842, 'success', now() - interval '2 days'),
  ('prm_3e19c05af702', '0b1c8c53-9b0e-4d8f-8a33-6d4dd7a8e6b2', 'usr_dev', 'extract', 'grok-4-fast', 121, 28, 20, 790, 'success', now() - interval '20 hours');

insert into event_log (id, request_id, user_id, event_type, entity_type, entity_id, payload_json, created_at) values
  ('evt_9d2c60b1aa01', 'job_4c9f3b52-2f0b-4b7d-8f6e-2f4b8f0c3a01', 'usr_dev', 'memory_summary_created', 'memory_summary', 'mem_77c41e9d0301', '{"chat_id": "881204417"}', now() - interval '2 days'),
  ('evt_9d2c60b1aa02', 'job_4c9f3b52-2f0b-4b7d-8f6e-2f4b8f0c3a01', 'usr_dev', 'worker_topic_completed', 'job', '4c9f3b52-2f0b-4b7d-8f6e-2f4b8f0c3a01', '{"topic": "memory.summarize", "job_id": "4c9f3b52-2f0b-4b7d-8f6e-2f4b8f0c3a01", "attempt": 1, "max_attempts": 5, "queue": "default_queue"}', now() - interval '2 days'),
  ('evt_9d2c60b1aa03', 'job_8e5d6f0a-70a9-4d8e-b1d0-9a6a5f3d7702', 'usr_dev', 'todoist_sync_completed', null, null, '{"any_task_failed": false}', now() - interval '1 hour'),
  ('evt_9d2c60b1aa04', 'job_8e5d6f0a-70a9-4d8e-b1d0-9a6a5f3d7702', 'usr_dev', 'worker_topic_completed', 'job', '8e5d6f0a-70a9-4d8e-b1d0-9a6a5f3d7702', '{"topic": "sync.todoist", "job_id": "8e5d6f0a-70a9-4d8e-b1d0-9a6a5f3d7702", "attempt": 1, "max_attempts": 5, "queue": "default_queue"}', now() - interval '1 hour'),
  ('evt_9d2c60b1aa05', 'job_d7a41c6e-0c55-4a4b-9c54-1f0c9e2b6603', 'usr_dev', 'todoist_reconcile_completed', null, null, '{"applied_updates": 0, "remote_missing": 0, "any_task_failed": false}', now() - interval '50 minutes');
