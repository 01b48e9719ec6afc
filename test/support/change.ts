import { z } from "zod";

import { defineCommand, type Command } from "../../src/commands/command.ts";
import type { ApprovalPolicy, Facts } from "../../src/core/approval.ts";
import { line } from "../../src/core/card.ts";
import { defineOperation, type Operation } from "../../src/jobs/operation.ts";
import { createMarkOperation } from "./mark.ts";

const timeoutMs = 5_000;

type ChangeInput = { readonly policy: ApprovalPolicy; readonly needsCode: boolean };

/**
 * The smallest operation that asks: it looks at the version, asks whether a mark may be left, and leaves it. It changes
 * nothing before somebody has said yes.
 */
export function createChangeOperation(
  url: string,
  { name = "change", urgent = false }: { readonly name?: string; readonly urgent?: boolean } = {},
): Operation {
  const look = async (signal: AbortSignal): Promise<Facts> => {
    const response = await fetch(`${url}/version`, { signal });
    return z.object({ version: z.string() }).parse(await response.json());
  };
  const [, mark] = createMarkOperation(url).steps({});
  if (!mark) throw new Error("The mark operation has an act.");
  return defineOperation({
    name,
    summary: "leaves one mark outside, once somebody has said yes",
    effect: "mutate",
    urgent,
    input: z.strictObject({
      policy: z.enum(["second-person", "confirm", "break-glass"]),
      needsCode: z.boolean(),
    }),
    steps: ({ policy, needsCode }) => [
      { kind: "look", name: "version", timeoutMs, look: async ({ signal }) => look(signal) },
      {
        kind: "ask",
        name: "ask",
        timeoutMs,
        question: (results) => ({
          policy,
          needsCode,
          parameters: { mark: "one" },
          observed: z.record(z.string(), z.string()).parse(results["version"]),
        }),
        observe: async ({ signal }) => look(signal),
      },
      mark,
    ],
    conclude: () => ({ verdict: "CHANGED", facts: {} }),
    again: (input) => commandLine(name, input),
    details: () => [],
    card: ({ run, approval }) => ({
      title: `${run.target} · ${name} · ${run.verdict ?? run.state}`,
      parts: [
        line(`approval: ${approval?.state ?? "not asked yet"}`),
        ...(approval ? [line(`code ${approval.code}`)] : []),
        ...(approval?.changed ?? []).map((text) => line(text)),
        ...(run.reason === null ? [] : [line(`reason: ${run.reason}`)]),
      ],
      actions: approval?.buttons ?? [],
    }),
  });
}

function commandLine(name: string, { policy, needsCode }: ChangeInput): string {
  return [name, policy, ...(needsCode ? ["code"] : [])].join(" ");
}

/** `/change [second-person|confirm|break-glass] [code]`, or by another name. */
export function createChangeCommand(name = "change"): Command {
  return defineCommand<ChangeInput>({
    name,
    summary: "Leave one mark outside, once somebody has said yes",
    role: "operator",
    usage: "[POLICY] [code]",
    effect: "mutate",
    words: { atMost: 2 },
    understand({ words: [policy = "second-person", code] }) {
      const parsed = z.enum(["second-person", "confirm", "break-glass"]).safeParse(policy);
      return parsed.success
        ? { ok: true, args: { policy: parsed.data, needsCode: code === "code" } }
        : { ok: false, message: `"${policy}" is no policy.` };
    },
    async run(context, input) {
      return { kind: "run", admission: await context.start(name, input) };
    },
  });
}
