/** Counts what really happened in the world. Tests compare with this count, never with the word of the bot. */
export type Effects = {
  add(effect: Effect, amount?: number): void;
  counts(): Record<Effect, number>;
};

const effectNames = [
  "captures",
  "tasksCreated",
  "questionsAnswered",
  "jobsEnqueued",
  "jobsCompleted",
  "jobsRetried",
  "jobsDead",
  "jobsLost",
  "workItemsCreated",
  "workItemsArchived",
  "strangersLetIn",
  "apiRequests",
  "xaiModelCalls",
  "xaiCompletions",
  "xaiRefusals",
  "xaiKeysMade",
  "xaiKeysDeleted",
  "todoistTasksCreated",
  "todoistRefusals",
  "deployments",
  "rollbacks",
  "deploymentsCancelled",
  "applicationsStopped",
  "applicationsChanged",
  "autoDeployChanged",
  "variablesWritten",
  "tasksWritten",
  "tasksExecuted",
  "migrationsApplied",
  "uploadsBegun",
  "uploadsAbandoned",
  "objectsStored",
  "objectsDeleted",
] as const;

type Effect = (typeof effectNames)[number];

export function createEffects(onChange: () => void = () => undefined): Effects {
  const counts = Object.fromEntries(effectNames.map((name) => [name, 0])) as Record<Effect, number>;
  return {
    add: (effect, amount = 1) => {
      counts[effect] += amount;
      onChange();
    },
    counts: () => ({ ...counts }),
  };
}
