/** Makes one backup and ends, so that its memory is that of nothing else. */
import { Secret } from "../src/core/secret.ts";
import { dump } from "../src/jobs/backup/backup-dump.ts";
import { backupSetting } from "../src/jobs/backup/backup-settings.ts";

const settings = backupSetting.parse({
  database: new Secret(process.env["DATABASE_URL"] ?? ""),
  recipients: {
    drill: process.env["DRILL_RECIPIENT"] ?? "",
    recovery: process.env["RECOVERY_RECIPIENT"] ?? "",
  },
});
if (!settings) throw new Error("The settings were given.");
await dump(
  {
    target: "bench",
    origin: "bench",
    configHash: "bench",
    build: "bench",
    settings,
    folder: process.env["FOLDER"] ?? "",
  },
  "R-1",
  { bytes: null, ids: new Set() },
  { signal: AbortSignal.timeout(600_000), report: () => undefined },
);
