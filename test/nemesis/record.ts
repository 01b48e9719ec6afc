import type { Entry } from "../../src/core/entry.ts";
import type { Said } from "./company.ts";
import type { RememberedMessage } from "./history.ts";
import type { Done } from "./nemesis.ts";

/** Everything that is known of a run of the nemesis once it is quiet: what the bot's rows say, and what the world saw. */
export type Recorded = {
  readonly said: readonly Said[];
  readonly inbox: readonly InboxRow[];
  readonly runs: readonly RunRow[];
  readonly steps: readonly StepRow[];
  readonly outbox: readonly OutboxRow[];
  readonly approvals: readonly ApprovalRow[];
  readonly alerts: readonly AlertRow[];
  readonly entries: readonly Entry[];
  readonly messages: readonly RememberedMessage[];
  /** What the second path brought, as it arrived. */
  readonly calls: readonly CallRow[];
  /** What the world counted of each act, and what it counted that no act claims. */
  readonly effects: readonly Effect[];
  readonly strays: readonly string[];
  readonly evidence: { readonly exitCode: number; readonly said: string };
  readonly leaks: readonly string[];
  readonly done: readonly Done[];
  /** How many connections to Telegram and to the database were broken, and how many calls got no yes. */
  readonly brokenConnections: number;
  readonly troubledCalls: number;
  /** What had not come to its end when all had been well for as long as anybody would wait. */
  readonly restless: readonly string[];
};

export type CallRow = { readonly kind: string; readonly what: string; readonly at: Date };

export type InboxRow = { readonly updateId: number; readonly state: string };

export type RunRow = {
  readonly id: string;
  readonly operation: string;
  readonly cause: string;
  readonly state: string;
  readonly verdict: string | null;
  /** By their number in Telegram. */
  readonly askedBy: number | undefined;
};

export type StepRow = {
  readonly runId: string;
  readonly n: number;
  readonly name: string;
  readonly kind: "look" | "act" | "ask";
  readonly state: string;
  readonly startedAt: Date;
};

export type OutboxRow = {
  readonly subject: string;
  readonly replyTo: number | undefined;
  readonly messageId: number | undefined;
  readonly wanted: number;
  readonly sent: number;
  readonly resent: boolean;
  readonly held: boolean;
  readonly abandoned: string | undefined;
  readonly roundup: string | undefined;
};

export type ApprovalRow = {
  readonly id: string;
  readonly runId: string;
  readonly n: number;
  readonly state: string;
  readonly policy: string;
  readonly votes: readonly {
    readonly by: number;
    readonly vote: "yes" | "no";
    readonly cause: string;
  }[];
};

export type AlertRow = {
  readonly id: string;
  readonly check: string;
  readonly state: string;
  readonly behind: string | null;
  readonly firedAt: Date;
  readonly toldAt: Date | undefined;
  readonly isSilenced: boolean;
};

/** An act of a run, and how often the world saw it happen. */
export type Effect = {
  readonly runId: string;
  readonly step: string;
  readonly stepState: string;
  readonly count: number;
  /** Whether the run says that it happened. */
  readonly isOwed: boolean;
};
