import type { Database } from "../../storage/database.ts";
import type { Bucket } from "../../systems/bucket.ts";
import type { Postgres } from "../../systems/postgres.ts";
import type { RecordEvent } from "../engine/run-record.ts";
import type { BackupSettings } from "./backup-settings.ts";

/** What making, proving and deleting backups takes. */
export type BackupParts = {
  readonly database: Database;
  readonly target: string;
  /** The evidence log that tells of it. */
  readonly origin: string;
  readonly configHash: string;
  readonly build: string;
  readonly settings: BackupSettings;
  readonly bucket: Bucket;
  readonly postgres: Postgres;
  /** Where backups are made, and where the newest stay; for its owner alone. */
  readonly folder: string;
  readonly record: RecordEvent;
};
