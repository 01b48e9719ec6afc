import type { BackupParts } from "./backup/backup-parts.ts";
import { createBackupPrune } from "./backup/backup-pruning.ts";
import { createBackupVerify } from "./backup/backup-verify.ts";
import { createBackup } from "./backup/backup.ts";
import { createChecklist } from "./checklist/checklist.ts";
import type { DeployParts } from "./deploy/deploy-steps.ts";
import { createDeploy } from "./deploy/deploy.ts";
import { createDeploymentLog, type DeploymentLogParts } from "./deploy/deployment-log.ts";
import { createDrill, type DrillParts } from "./drill/drill.ts";
import { createEvidenceVerify, type EvidenceVerifyParts } from "./evidence/evidence-verify.ts";
import type { Operation } from "./operation.ts";
import { createPreflight, type PreflightParts } from "./preflight/preflight.ts";
import { createReleaseList } from "./rollback/release-list.ts";
import type { RollbackParts } from "./rollback/rollback-steps.ts";
import { createRollback } from "./rollback/rollback.ts";
import type { RotationParts } from "./rotation/rotation-steps.ts";
import { createRotation } from "./rotation/rotation.ts";
import type { SecretsParts } from "./rotation/secrets-init-report.ts";
import { createSecrets } from "./rotation/secrets-init.ts";
import { createSmoke, type SmokeParts } from "./smoke/smoke.ts";
import { createAlertDetails, type AlertDetailsParts } from "./watch/alert-details.ts";
import { createWebhookLook, createWebhookSet, type WebhookParts } from "./webhook/webhook.ts";
import { createApplicationLog, type ApplicationLogParts } from "./worker/application-log.ts";
import { createRequeue, type RequeueParts } from "./worker/requeue.ts";
import { createRestartWorker, type RestartWorkerParts } from "./worker/restart-worker.ts";

/** Everything Flightdeck does, one line each. */
export function createOperations(
  parts: PreflightParts &
    AlertDetailsParts &
    ApplicationLogParts &
    DeploymentLogParts &
    Omit<SmokeParts, "releases"> &
    RequeueParts &
    RestartWorkerParts &
    WebhookParts &
    EvidenceVerifyParts & {
      readonly backup: BackupParts | undefined;
      readonly drill: DrillParts | undefined;
      readonly deploy: DeployParts | undefined;
      readonly rollback: RollbackParts | undefined;
      readonly secrets: SecretsParts;
      readonly rotation: RotationParts;
    },
): readonly Operation[] {
  const { backup, drill, deploy, rollback, rotation } = parts;
  const requeue = createRequeue(parts);
  const restartWorker = createRestartWorker(parts);
  return [
    createPreflight(parts),
    createAlertDetails(parts),
    createApplicationLog(parts),
    createDeploymentLog(parts),
    createChecklist(parts),
    createSmoke({ ...parts, releases: rollback }),
    createWebhookLook(parts),
    createWebhookSet(parts),
    createEvidenceVerify(parts),
    ...createSecrets(parts.secrets),
    ...(backup
      ? [createBackup(backup), createBackupVerify(backup), createBackupPrune(backup)]
      : []),
    ...(drill ? [createDrill(drill)] : []),
    ...(deploy ? [createDeploy(deploy)] : []),
    ...(rollback ? [createReleaseList(rollback), createRollback(rollback)] : []),
    ...(Object.keys(rotation.rotated).length > 0 ? [createRotation(rotation)] : []),
    ...(requeue ? [requeue] : []),
    ...(restartWorker ? [restartWorker] : []),
  ];
}
