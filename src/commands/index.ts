import { ack } from "./ack.ts";
import { alerts } from "./alerts.ts";
import { answer } from "./answer.ts";
import { approve, deny } from "./approve.ts";
import { backup } from "./backup.ts";
import { calls } from "./calls.ts";
import { cancel } from "./cancel.ts";
import { checklist } from "./checklist.ts";
import type { Command } from "./command.ts";
import { decide } from "./decide.ts";
import { deploy } from "./deploy.ts";
import { deployment } from "./deployment.ts";
import { drill } from "./drill.ts";
import { evidence } from "./evidence.ts";
import { createHelp } from "./help.ts";
import { lock, unlock } from "./lock.ts";
import { logs } from "./logs.ts";
import { preflight } from "./preflight.ts";
import { requeue } from "./requeue.ts";
import { restart } from "./restart-worker.ts";
import { review } from "./review.ts";
import { rollback } from "./rollback.ts";
import { guide } from "./rotate-guide.ts";
import { rotate } from "./rotate.ts";
import { runs } from "./runs.ts";
import { schedule } from "./schedule.ts";
import { secrets } from "./secrets.ts";
import { sign } from "./sign.ts";
import { silence } from "./silence.ts";
import { smoke } from "./smoke.ts";
import { status } from "./status.ts";
import { unsilence } from "./unsilence.ts";
import { webhook } from "./webhook.ts";
import { whoami } from "./whoami.ts";

/** Every command, in the order of menus and help; the chat and the terminal share them. */
export const commands: readonly Command[] = [
  status,
  preflight,
  alerts,
  ack,
  silence,
  unsilence,
  calls,
  smoke,
  backup,
  drill,
  deploy,
  sign,
  rollback,
  review,
  restart,
  requeue,
  logs,
  webhook,
  secrets,
  rotate,
  checklist,
  schedule,
  runs,
  cancel,
  evidence,
  lock,
  unlock,
  whoami,
  createHelp(() => commands),
  decide,
  deployment,
  guide,
  answer,
  approve,
  deny,
];
