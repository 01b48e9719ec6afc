import { z } from "zod";

import { createScrubber } from "../../core/redaction.ts";
import { secretsIn } from "../../core/secret.ts";
import { shortened } from "../../core/visible-text.ts";
import { storableText } from "../../storage/storable.ts";
import type { CoolifyDeployment } from "../../systems/coolify.ts";
import type { Systems } from "../../systems/index.ts";
import { defineOperation, type Operation } from "../operation.ts";
import {
  deploymentLogCard,
  deploymentLogDetails,
  deploymentLogSchema,
  LOOK,
  type DeploymentLog,
} from "./deployment-log-card.ts";

export type DeploymentLogParts = {
  readonly systems: Pick<Systems, "coolify">;
  /** Masks every secret that this process holds. */
  readonly scrub: (text: string) => string;
};

const inputSchema = z.strictObject({
  application: z.string(),
  /** Coolify's uuid; without it the newest that is no preview. */
  deployment: z.string().optional(),
});
type Input = z.output<typeof inputSchema>;

const TIMEOUT_MS = 60_000;
/** What went wrong stands at the end; a build may write more than anybody reads. */
const LINES_KEPT = 2_000;
const LINE_LIMIT = 400;

/** What Coolify shows of one deployment, without any value of the application's variables. */
export function createDeploymentLog(parts: DeploymentLogParts): Operation {
  return defineOperation({
    name: "deployment-log",
    summary: "the log of one deployment, as Coolify shows it",
    effect: "read",
    input: inputSchema,
    steps: (input) => [
      {
        kind: "look",
        name: LOOK,
        timeoutMs: TIMEOUT_MS,
        look: async ({ signal }) => lookAtLog(parts, input, signal),
      },
    ],
    conclude({ application }, results) {
      const { deployment, commit, status } = deploymentLogSchema.parse(results[LOOK]);
      return { verdict: status, facts: { application, deployment, commit } };
    },
    card: deploymentLogCard,
    details: deploymentLogDetails,
  });
}

async function lookAtLog(
  { systems: { coolify }, scrub }: DeploymentLogParts,
  { application, deployment }: Input,
  signal: AbortSignal,
): Promise<DeploymentLog> {
  const row =
    deployment === undefined
      ? (await coolify.deployments(application, signal)).find((each) => !each.isPreview)
      : await coolify.deployment(application, deployment, signal);
  if (row === undefined) throw new Error(unknownDeployment(application, deployment));
  const [log, variables] = await Promise.all([
    coolify.deploymentLog(application, row.uuid, signal),
    coolify.variables(application, signal),
  ]);
  // Builds print what they are given. We hold none of these values, so they are asked for to be masked.
  const masked = createScrubber(secretsIn(variables));
  // As a whole first: a key of many lines is one only while they stand together.
  const whole = storableText(masked(scrub(log))).trimEnd();
  const lines = whole === "" ? [] : whole.split(/\r?\n/);
  return {
    ...told(row),
    lines: lines.slice(-LINES_KEPT).map((line) => shortened(line, LINE_LIMIT)),
    before: Math.max(0, lines.length - LINES_KEPT),
  };
}

function told(row: CoolifyDeployment): Omit<DeploymentLog, "lines" | "before"> {
  const { uuid, commit, status, createdAt, finishedAt } = row;
  return {
    deployment: uuid,
    commit,
    status,
    createdAt: createdAt.toISOString(),
    ...(finishedAt === undefined ? {} : { finishedAt: finishedAt.toISOString() }),
  };
}

function unknownDeployment(application: string, deployment: string | undefined): string {
  return deployment === undefined
    ? `${application} was never deployed`
    : `Coolify has no deployment ${deployment} of ${application}`;
}
