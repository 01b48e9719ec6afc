import type { FaultName } from "../../sandbox/faults.ts";
import type { Status } from "../../src/core/status.ts";

export type Statuses = Readonly<Record<string, Status>>;

/** What a fault of the sandbox does to its checks. */
export type Reaction = {
  /** The checks that are there for this fault. */
  readonly own: Statuses;
  /** Others that react too, and why that is right. */
  readonly also?: readonly { readonly because: string; readonly statuses: Statuses }[];
};

const alsoAll = (status: Status, because: string, ...names: readonly string[]) => ({
  because,
  statuses: Object.fromEntries(names.map((name) => [name, status])),
});

const NOT_ASKED = "it cannot look without what is down";
const NEEDS_STORES = "the API answers this from its stores";
const BEHIND_THE_SAME_TOKEN = "it goes through the same door";

const API_CHECKS = [
  "api-is-live",
  "api-is-ready",
  "api-refuses-strangers",
  "api-accepts-our-token",
  "captures-are-answered",
  "questions-are-answered",
  "metrics-are-readable",
  "product-webhook-demands-its-secret",
];
const FROM_STORES = ["api-is-ready", "api-accepts-our-token", "metrics-are-readable"];
const IN_THE_DATABASE = [
  "migrations-are-at-head",
  "pg-dump-is-not-older-than-the-server",
  "worker-completes-jobs",
];
const IN_REDIS = [
  "queue-depth-is-normal",
  "dead-letters-are-none",
  "dead-letters-do-not-grow",
  "worker-completes-jobs",
];
const FROM_COOLIFY = [
  "api-app-runs",
  "worker-app-runs",
  "worker-is-not-public",
  "images-are-built-from-our-dockerfiles",
  "rollback-image-is-kept",
  "required-variables-are-present",
  "production-shares-nothing-with-staging",
];
const IN_THE_BUCKET = ["backup-is-fresh", "backup-is-off-site"];
const all = (status: Status, names: readonly string[]): Statuses =>
  Object.fromEntries(names.map((name) => [name, status]));

/** What every fault of the world does to the checks. A check that is not named must go on passing. */
export const reactions: Readonly<Record<FaultName, Reaction>> = {
  "xai-key-revoked": { own: { "xai-key-works": "fail" } },
  "xai-hangs": { own: { "xai-key-works": "unknown" } },
  "xai-answers-500": { own: { "xai-key-works": "fail" } },
  "todoist-token-revoked": { own: { "todoist-token-works": "fail" } },
  "todoist-answers-500": { own: { "todoist-token-works": "fail" } },
  "api-hangs": { own: all("unknown", API_CHECKS) },
  "api-answers-500": { own: all("fail", API_CHECKS) },
  "api-accepts-strangers": { own: { "api-refuses-strangers": "fail" } },
  "api-forgets-our-token": {
    own: { "api-accepts-our-token": "fail" },
    also: [alsoAll("fail", BEHIND_THE_SAME_TOKEN, "metrics-are-readable")],
  },
  "metrics-lose-their-counters": { own: { "metrics-are-readable": "fail" } },
  "certificate-expires-soon": { own: { "certificates-last": "fail" } },
  "database-down": {
    own: { "postgres-accepts-connections": "fail" },
    also: [
      alsoAll("fail", NEEDS_STORES, ...FROM_STORES),
      alsoAll("unknown", NOT_ASKED, ...IN_THE_DATABASE),
    ],
  },
  "database-frozen": {
    own: { "postgres-accepts-connections": "unknown" },
    also: [
      alsoAll("unknown", NEEDS_STORES, ...FROM_STORES),
      alsoAll("unknown", NOT_ASKED, ...IN_THE_DATABASE),
    ],
  },
  "connections-used-up": { own: { "postgres-accepts-connections": "fail" } },
  "database-behind": { own: { "migrations-are-at-head": "fail" } },
  "pg-dump-too-old": { own: { "pg-dump-is-not-older-than-the-server": "fail" } },
  "redis-down": {
    own: { "redis-accepts-commands": "fail" },
    also: [
      alsoAll("fail", NEEDS_STORES, ...FROM_STORES),
      alsoAll("unknown", NOT_ASKED, ...IN_REDIS),
    ],
  },
  "redis-frozen": {
    own: { "redis-accepts-commands": "unknown" },
    also: [
      alsoAll("unknown", NEEDS_STORES, ...FROM_STORES),
      alsoAll("unknown", NOT_ASKED, ...IN_REDIS),
    ],
  },
  "redis-evicts-keys": { own: { "redis-accepts-commands": "fail" } },
  "redis-memory-full": { own: { "redis-accepts-commands": "fail" } },
  "queue-backlog": {
    own: { "queue-depth-is-normal": "fail" },
    also: [
      alsoAll("fail", "jobs pile up because the worker stands still", "worker-completes-jobs"),
    ],
  },
  "worker-stopped": { own: { "worker-completes-jobs": "fail" } },
  "worker-died-silently": { own: { "worker-completes-jobs": "fail" } },
  // Nothing is wrong until a job comes, and a job that dies in a worker's hands leaves nothing to look at: only what
  // waits for that very job can know.
  "worker-dies-in-a-job": { own: {} },
  "worker-dies-in-a-sync": { own: {} },
  "dead-letters-grow": {
    own: { "dead-letters-are-none": "fail", "dead-letters-do-not-grow": "fail" },
  },
  "webhook-is-stolen": { own: { "product-webhook-is-registered": "fail" } },
  "webhook-backlog": { own: { "product-webhook-is-registered": "fail" } },
  "webhook-secret-is-off": { own: { "product-webhook-demands-its-secret": "fail" } },
  "webhook-secret-differs": { own: { "product-webhook-demands-its-secret": "fail" } },
  "ops-bot-is-the-products": { own: { "ops-bot-is-safe": "fail" } },
  "ops-bot-may-join-groups": { own: { "ops-bot-is-safe": "fail" } },
  "ops-bot-reads-everything": { own: { "ops-bot-is-safe": "fail" } },
  // That nobody listens, or that we are refused, is an answer to one question and to no other.
  "coolify-down": {
    own: { "coolify-answers": "fail" },
    also: [alsoAll("unknown", NOT_ASKED, ...FROM_COOLIFY)],
  },
  "coolify-hangs": {
    own: { "coolify-answers": "unknown" },
    also: [alsoAll("unknown", NOT_ASKED, ...FROM_COOLIFY)],
  },
  "coolify-outdated": { own: { "coolify-answers": "fail" } },
  "coolify-token-revoked": {
    own: { "coolify-answers": "fail" },
    also: [alsoAll("unknown", NOT_ASKED, ...FROM_COOLIFY)],
  },
  "coolify-token-too-powerful": { own: { "coolify-answers": "fail" } },
  "api-app-exited": { own: { "api-app-runs": "fail" } },
  "api-app-unhealthy": { own: { "api-app-runs": "fail" } },
  "worker-app-exited": { own: { "worker-app-runs": "fail" } },
  "worker-has-a-domain": { own: { "worker-is-not-public": "fail" } },
  "worker-publishes-a-port": { own: { "worker-is-not-public": "fail" } },
  "worker-from-the-wrong-dockerfile": { own: { "images-are-built-from-our-dockerfiles": "fail" } },
  "rollback-image-gone": { own: { "rollback-image-is-kept": "fail" } },
  "variable-missing": { own: { "required-variables-are-present": "fail" } },
  "services-disagree": { own: { "required-variables-are-present": "fail" } },
  "staging-shares-the-database": { own: { "production-shares-nothing-with-staging": "fail" } },
  "staging-shares-the-webhook-secret": {
    own: { "production-shares-nothing-with-staging": "fail" },
  },
  // Its health check asks whether it is live, and that it is.
  "broken-release": {
    own: all(
      "fail",
      API_CHECKS.filter((name) => name !== "api-is-live"),
    ),
  },
  "never-ready-release": { own: { "api-is-ready": "fail" } },
  // Good for five minutes, and a worker that completes nothing shows when there is something to complete.
  "release-goes-bad": { own: {} },
  "release-with-an-idle-worker": { own: {} },
  "coolify-is-slow": {
    own: { "coolify-answers": "unknown" },
    also: [alsoAll("unknown", NOT_ASKED, ...FROM_COOLIFY)],
  },
  "coolify-refuses-too-many-requests": {
    own: { "coolify-answers": "unknown" },
    also: [alsoAll("unknown", NOT_ASKED, ...FROM_COOLIFY)],
  },
  // These meet whoever changes something, and a check changes nothing.
  "coolify-answers-500-after-accepting": { own: {} },
  "coolify-cuts-its-answers": { own: {} },
  "deployment-queue-full": { own: {} },
  "deployments-wait-in-the-queue": { own: {} },
  "deployments-hang": { own: {} },
  "deployments-fail": { own: {} },
  "deployments-vanish": { own: {} },
  "deployments-that-work-are-called-failed": { own: {} },
  "deployments-are-overtaken": { own: {} },
  "somebody-pushes-during-deployments": { own: {} },
  "migrations-are-locked-out": { own: {} },
  // How messages arrive is the sender's concern, and nothing that a check asks is a message.
  "telegram-rate-limits": { own: {} },
  "telegram-loses-answers": { own: {} },
  // As long as there is no backup, that nobody may look for one is all that can be known.
  "bucket-key-revoked": { own: all("unknown", IN_THE_BUCKET) },
  "bucket-answers-500": { own: all("unknown", IN_THE_BUCKET) },
  "bucket-hangs": { own: all("unknown", IN_THE_BUCKET) },
  // These meet whoever writes.
  "bucket-full": { own: {} },
  "bucket-locked": { own: {} },
  "bucket-cuts-uploads": { own: {} },
  "bucket-loses-answers": { own: {} },
  "bucket-corrupts": { own: {} },
};

/** Every check that a fault changes, and how. */
export function changedBy(fault: FaultName): Statuses {
  const { own, also = [] } = reactions[fault];
  return Object.assign({}, own, ...also.map(({ statuses }) => statuses)) as Statuses;
}
