import { z } from "zod";

/** The operations that ask before they act. */
const APPROVED_OPERATIONS = [
  "deploy",
  "rollback",
  "rotate",
  "restart-worker",
  "requeue",
  "webhook-set",
] as const;

/** Who says yes to what: by default a second person, always. */
export const approvalsSetting = z
  .partialRecord(z.enum(APPROVED_OPERATIONS), z.enum(["second-person", "confirm"]))
  .default({})
  .meta({
    description:
      "Whose yes an operation needs; `confirm` lets whoever asked give it, for teams of one",
    examples: [{ deploy: "confirm", rollback: "confirm" }],
  });

export type ApprovalsSettings = z.output<typeof approvalsSetting>;
