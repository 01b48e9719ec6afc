import { createAlertDetails, type AlertDetailsParts } from "./alert-details.ts";
import { createApplicationLog, type ApplicationLogParts } from "./application-log.ts";
import type { BackupParts } from "./backup-parts.ts";
import { createBackupPrune } from "./backup-pruning.ts";
import { createBackupVerify } from "./backup-verify.ts";
import { createBackup } from "./backup.ts";
import { createChecklist } from "./checklist.ts";
import type { DeployParts } from "./deploy-steps.ts";
import { createDeploy } from "./deploy.ts";
import { createDeploymentLog, type DeploymentLogParts } from "./deployment-log.ts";
import { createDrill, type DrillParts } from "./drill.ts";
import { createEvidenceVerify, type EvidenceVerifyParts } from "./evidence-verify.ts";
import type { Operation } from "./operation.ts";
import { createPreflight, type PreflightParts } from "./preflight.ts";
import { createReleaseList } from "./release-list.ts";
import { createRequeue, type RequeueParts } from "./requeue.ts";
import { createRestartWorker, type RestartWorkerParts } from "./restart-worker.ts";
import type { RollbackParts } from "./rollback-steps.ts";
import { createRollback } from "./rollback.ts";
import type { RotationParts } from "./rotation-steps.ts";
import { createRotation } from "./rotation.ts";
import type { SecretsParts } from "./secrets-init-report.ts";
import { createSecrets } from "./secrets-init.ts";
import { createSmoke, type SmokeParts } from "./smoke.ts";
import { createWebhookLook, createWebhookSet, type WebhookParts } from "./webhook.ts";

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
