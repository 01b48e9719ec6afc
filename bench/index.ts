import { alertDelay } from "./alert-delay.ts";
import { alertStorm } from "./alert-storm.ts";
import { backupMemory } from "./backup-memory.ts";
import { backup } from "./backup.ts";
import type { Bench } from "./bench.ts";
import { drill, drillOfMuch } from "./drill.ts";
import { evidenceFile } from "./evidence-file.ts";
import { firstAnswer } from "./first-answer.ts";
import { idleMemory } from "./idle-memory.ts";
import { preflightWall } from "./preflight-wall.ts";
import { startToFirstPoll } from "./start-to-first-poll.ts";
import { thousandChecks } from "./thousand-checks.ts";
import { verifyLog } from "./verify-log.ts";
import { webhookIntake } from "./webhook-intake.ts";

/** Every bench, in the order in which they run. A new one is a file and a line here. */
export const benches: readonly Bench[] = [
  preflightWall,
  firstAnswer,
  webhookIntake,
  idleMemory,
  startToFirstPoll,
  evidenceFile,
  verifyLog,
  alertDelay,
  thousandChecks,
  alertStorm,
  backup,
  backupMemory,
  drill,
  drillOfMuch,
];
