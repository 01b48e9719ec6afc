import { z } from "zod";

import { createScrubber } from "../../core/redaction.ts";
import { secretsIn } from "../../core/secret.ts";
import { shortened } from "../../core/visible-text.ts";
import { storableText } from "../../storage/storable.ts";
import type { Systems } from "../../systems/index.ts";
import { defineOperation, type Operation } from "../operation.ts";
import {
  applicationLogCard,
  applicationLogDetails,
  applicationLogSchema,
  LOOK,
  type ApplicationLog,
} from "./application-log-card.ts";

export type ApplicationLogParts = {
  readonly systems: Pick<Systems, "coolify">;
  /** Masks every secret that this process holds. */
  readonly scrub: (text: string) => string;
};

const inputSchema = z.strictObject({ application: z.string(), lines: z.number() });
type Input = z.output<typeof inputSchema>;

const TIMEOUT_MS = 60_000;
const LINE_LIMIT = 400;

/** The newest lines that an application wrote, without any value of its variables. */
export function createApplicationLog(parts: ApplicationLogParts): Operation {
  return defineOperation({
    name: "application-log",
    summary: "the newest lines that an application wrote",
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
      const { lines } = applicationLogSchema.parse(results[LOOK]);
      return { verdict: "READ", facts: { application, lines: String(lines.length) } };
    },
    card: applicationLogCard,
    details: applicationLogDetails,
  });
}

async function lookAtLog(
  { systems: { coolify }, scrub }: ApplicationLogParts,
  { application, lines }: Input,
  signal: AbortSignal,
): Promise<ApplicationLog> {
  const [log, variables] = await Promise.all([
    coolify.log(application, lines, signal),
    coolify.variables(application, signal),
  ]);
  // Programs print what they were given. We hold none of these values, so they are asked for to be masked.
  const masked = createScrubber(secretsIn(variables));
  // As a whole first: a key of many lines is one only while they stand together.
  const whole = storableText(masked(scrub(log))).trimEnd();
  const all = whole === "" ? [] : whole.split(/\r?\n/);
  return { lines: all.slice(-lines).map((line) => shortened(line, LINE_LIMIT)) };
}
