import { questionDigest, type Bond } from "../../core/approval-bond.ts";
import { approvalCode } from "../../core/approval-code.ts";
import type { Facts } from "../../core/approval.ts";
import { shortCommit } from "../../core/release.ts";
import { visibleText } from "../../core/visible-text.ts";

/** What the evidence keeps of a question. */
export function factsOf(bond: Bond): Facts {
  return {
    policy: bond.policy,
    code: approvalCode(questionDigest(bond)),
    parameters: factsText(bond.parameters),
    observed: factsText(bond.observed),
    expires: bond.expiresAt.toISOString(),
  };
}

/** By name, for the database keeps an order of its own and the same facts must read the same in every entry. */
function factsText(facts: Facts): string {
  return Object.keys(facts)
    .toSorted()
    .map((name) => told(name, facts[name] ?? ""))
    .join("; ");
}

/**
 * The same for people, who know a commit by its first characters, and read it on a phone: what is short stands first, so
 * that no long reason pushes off the screen what is done.
 */
export function spokenText(facts: Facts): string {
  return Object.entries(facts)
    .map(([name, value]) => told(name, spoken(value)))
    .toSorted((one, other) => one.length - other.length)
    .join("; ");
}

const COMMIT = /\b[0-9a-f]{40}\b/g;

function spoken(value: string): string {
  return visibleText(value.replaceAll(COMMIT, (commit) => shortCommit(commit)));
}

/** What would look like the end of a fact, and the beginning of one that nobody was asked about. */
const SEPARATING = /[;"\n\r]/;

function told(name: string, value: string): string {
  return `${name}: ${SEPARATING.test(value) ? JSON.stringify(value) : value}`;
}
