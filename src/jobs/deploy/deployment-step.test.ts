import { describe, expect, test } from "vitest";

import type { Json } from "../../core/json.ts";
import type { CoolifyApplication, CoolifyDeployment } from "../../systems/coolify.ts";
import { NotConfiguredError } from "../../systems/not-configured-error.ts";
import { SystemError, type SystemErrorKind } from "../../systems/system-error.ts";
import type { StepContext } from "../operation.ts";
import {
  cancelActiveStep,
  deploymentEndsStep,
  deploymentIn,
  deployStep,
} from "./deployment-step.ts";

const commit = "a".repeat(40);
const row = (uuid: string, given: Partial<CoolifyDeployment> = {}): CoolifyDeployment => ({
  uuid,
  commit,
  status: "queued",
  isPreview: false,
  isRollback: true,
  createdAt: new Date("2026-11-23T04:00:00Z"),
  finishedAt: undefined,
  ...given,
});
const done = { status: "finished", finishedAt: new Date("2026-11-23T04:02:00Z") };
const older = row("older", { ...done, createdAt: new Date("2026-11-22T04:00:00Z") });

const trouble = (kind: SystemErrorKind, code?: string): SystemError =>
  new SystemError("coolify", kind, `Coolify, deployment of api: ${kind} ${code ?? ""}`, { code });

function contextOf(given: Partial<StepContext> = {}): StepContext {
  const signal = new AbortController().signal;
  return { signal, run: "R-7", key: "key", results: {}, report: () => {}, ...given };
}

/** A Coolify whose list is an array, and that does to it what a test says when it is asked to deploy. */
function coolifyThat(accepts: (rows: CoolifyDeployment[]) => string, rows = [older]) {
  let asked = 0;
  let looks = 0;
  return {
    rows,
    asked: () => asked,
    looks: () => looks,
    application: async () => ({ buildPack: "dockerfile" }) as CoolifyApplication,
    deployments: async (): Promise<readonly CoolifyDeployment[]> => {
      looks += 1;
      return [...rows];
    },
    deployment: async (_application: string, uuid: string) =>
      rows.find((each) => each.uuid === uuid),
    deployCommit: async () => {
      asked += 1;
      return accepts(rows);
    },
  };
}

const accepted = (rows: CoolifyDeployment[]): string => {
  rows.unshift(row("ours"));
  return "ours";
};

/** What the engine does with a step: a baseline, one act, and after any doubt a look. */
async function performed(
  coolify: Parameters<typeof deployStep>[0]["coolify"],
): Promise<{ readonly result?: Json; readonly error?: string; readonly unclear?: string }> {
  const step = deployStep({
    name: "deploy the API",
    coolify,
    application: "api",
    commitOf: () => commit,
    timeoutMs: 5_000,
    graceMs: 30,
    everyMs: 10,
  });
  const baseline = await step.baseline!(contextOf());
  const context = { ...contextOf(), baseline };
  try {
    return { result: await step.act(context) };
  } catch (error) {
    const occurrence = await step.observe(context);
    if (occurrence.kind === "happened") return { result: occurrence.result };
    if (occurrence.kind === "unclear") return { unclear: occurrence.reason };
    return { error: (error as Error).message };
  }
}

describe("to deploy a commit", () => {
  test("is to ask once and to tell the deployment", async () => {
    const coolify = coolifyThat(accepted);
    const { result } = await performed(coolify);
    expect(result).toEqual({ deployment: "ours", commit, adopted: false });
    expect(deploymentIn(result)).toBe("ours");
    expect(coolify.asked()).toBe(1);
  });

  test.each<readonly [string, Error]>([
    ["500", trouble("unreachable", "500")],
    ["a cut connection", trouble("unreachable", "ECONNRESET")],
    ["no answer in time", trouble("timeout")],
    ["a page", trouble("malformed")],
    ["the step's own deadline", new Error("no end within 60s")],
  ])("that was accepted although the answer was %s is adopted, not repeated", async (_t, error) => {
    const coolify = coolifyThat((rows) => {
      accepted(rows);
      throw error;
    });
    const { result } = await performed(coolify);
    expect(result).toEqual({ deployment: "ours", commit, adopted: true });
    expect(coolify.asked()).toBe(1);
  });

  test("that shows in the list only after a while is adopted all the same", async () => {
    const coolify = coolifyThat((rows) => {
      setTimeout(() => accepted(rows), 15);
      throw trouble("unreachable", "502");
    });
    expect((await performed(coolify)).result).toMatchObject({ deployment: "ours" });
  });

  test.each<readonly [string, Error]>([
    ["500", trouble("unreachable", "500")],
    ["a cut connection", trouble("unreachable", "ECONNRESET")],
  ])("that came to nothing by %s fails and is not asked for again", async (_title, error) => {
    const coolify = coolifyThat(() => {
      throw error;
    });
    expect((await performed(coolify)).error).toBe(error.message);
    expect(coolify.asked()).toBe(1);
    expect(coolify.looks()).toBeGreaterThan(2);
  });

  test.each<readonly [string, Error]>([
    ["a full queue", trouble("rejected", "400")],
    ["too many requests", trouble("rate-limited", "429")],
    ["a token that may not", trouble("unauthorized", "403")],
    ["nobody there", trouble("unreachable", "ECONNREFUSED")],
    ["no token at all", new NotConfiguredError("systems.coolify.deployToken")],
  ])("fails at once by %s: nothing was done, so nothing is looked for", async (_title, error) => {
    const coolify = coolifyThat(() => {
      throw error;
    });
    expect((await performed(coolify)).error).toBe(error.message);
    expect(coolify.asked()).toBe(1);
    // The one of the baseline.
    expect(coolify.looks()).toBe(1);
  });

  test("that nobody answered and nobody lists is for a person to decide", async () => {
    const coolify = coolifyThat(() => {
      throw trouble("timeout");
    });
    expect((await performed(coolify)).unclear).toMatch(/did not answer in time .* may still come$/);
    expect(coolify.asked()).toBe(1);
  });

  test("that nobody can look for is nobody's to judge", async () => {
    const coolify = coolifyThat(() => {
      coolify.deployments = async () => Promise.reject(trouble("unreachable", "502"));
      throw trouble("unreachable", "502");
    });
    await expect(performed(coolify)).rejects.toThrow(SystemError);
    expect(coolify.asked()).toBe(1);
  });

  test("whose uuid leads nowhere is adopted from the list", async () => {
    const coolify = coolifyThat((rows) => {
      accepted(rows);
      return "phantom";
    });
    expect((await performed(coolify)).result).toMatchObject({ deployment: "ours", adopted: true });
    expect(coolify.asked()).toBe(1);
  });

  test("whose uuid leads nowhere, with nothing in the list, fails and names it", async () => {
    const coolify = coolifyThat(() => "phantom");
    expect((await performed(coolify)).error).toMatch(/accepted it as deployment phantom of api/);
    expect(coolify.asked()).toBe(1);
  });

  test("is believed when it was accepted and nobody can look just then", async () => {
    const coolify = {
      ...coolifyThat(accepted),
      deployment: async () => Promise.reject(trouble("unreachable", "502")),
    };
    expect((await performed(coolify)).result).toMatchObject({ deployment: "ours", adopted: false });
  });

  test("adopts nobody else's: a push of that moment is another deployment", async () => {
    const coolify = coolifyThat((rows) => {
      rows.unshift(row("pushed", { commit: "HEAD", isRollback: false }));
      throw trouble("unreachable", "500");
    });
    expect((await performed(coolify)).error).toMatch(/500/);
  });

  test.each<readonly [string, Error]>([
    ["lost requests", trouble("unreachable", "502")],
    ["too many of them", trouble("rate-limited", "429")],
  ])("is not given up before it began for a few %s", async (_title, error) => {
    const coolify = coolifyThat(accepted);
    const { deployments } = coolify;
    let failures = 2;
    coolify.deployments = async () => {
      failures -= 1;
      if (failures >= 0) throw error;
      return deployments();
    };
    expect((await performed(coolify)).result).toMatchObject({ deployment: "ours" });
  });

  test("is given up before it began when Coolify does not answer at all, or says no", async () => {
    for (const error of [trouble("unreachable", "502"), trouble("unauthorized", "401")]) {
      const coolify = { ...coolifyThat(accepted), application: async () => Promise.reject(error) };
      await expect(performed(coolify)).rejects.toBe(error);
      expect(coolify.asked()).toBe(0);
    }
  });

  test("is refused before anything is asked where Coolify would ignore the commit", async () => {
    const coolify = {
      ...coolifyThat(accepted),
      application: async () => ({ buildPack: "dockerimage" }) as CoolifyApplication,
    };
    await expect(performed(coolify)).rejects.toThrow(
      /runs an image of a registry, for which Coolify ignores the commit/,
    );
    expect(coolify.asked()).toBe(0);
  });
});

/** A list for each look; the last stays. An error in place of a list is thrown. */
function listsOf(...lists: readonly (readonly CoolifyDeployment[] | Error)[]) {
  let looks = 0;
  return {
    looks: () => looks,
    deployments: async (): Promise<readonly CoolifyDeployment[]> => {
      const list = lists[Math.min(looks, lists.length - 1)]!;
      looks += 1;
      if (list instanceof Error) throw list;
      return list;
    },
  };
}

async function awaitedBy(
  coolify: Parameters<typeof deploymentEndsStep>[0]["coolify"],
  given: { readonly withinMs?: number; readonly progress?: Json[]; readonly uuid?: string } = {},
): Promise<Json> {
  const step = deploymentEndsStep({
    name: "the API is deployed",
    coolify,
    application: "api",
    deploymentOf: ({ deploy }) => deploymentIn(deploy),
    commitOf: () => commit,
    withinMs: given.withinMs ?? 2_000,
    everyMs: 5,
  });
  const results = { deploy: { deployment: given.uuid ?? "ours", commit, adopted: false } };
  return step.look(contextOf({ results, report: (each) => given.progress?.push(each) }));
}

describe("to wait for the end of a deployment", () => {
  test("tells each of its states, and goes on until the post-deployment command has ended", async () => {
    const progress: { readonly status: string }[] = [];
    const coolify = listsOf(
      [row("ours"), older],
      [row("ours", { status: "in_progress" }), older],
      [row("ours", { status: "finished" }), older],
      [row("ours", done), older],
    );
    expect(await awaitedBy(coolify, { progress: progress as unknown as Json[] })).toEqual({
      deployment: "ours",
      commit,
      finishedAt: "2026-11-23T04:02:00.000Z",
    });
    expect(progress.map(({ status }) => status)).toEqual(["queued", "in_progress", "finished"]);
  });

  test.each<readonly [string, readonly CoolifyDeployment[], RegExp]>([
    ["failed", [row("ours", { status: "failed" })], /^deployment ours of api failed; its log/],
    ["was cancelled", [row("ours", { status: "cancelled-by-user" })], /was cancelled in Coolify$/],
    ["has another commit", [row("ours", { ...done, commit: "HEAD" })], /put HEAD in place/],
    [
      "was overtaken",
      [row("theirs", { commit: "HEAD", isRollback: false }), row("ours", done)],
      /but deployment theirs of the head of the branch \(queued\) came after it/,
    ],
  ])("ends at once when it %s", async (_title, rows, reason) => {
    const coolify = listsOf([row("ours")], rows);
    await expect(awaitedBy(coolify)).rejects.toThrow(reason);
    expect(coolify.looks()).toBe(2);
  });

  test("ends when it has vanished, and not when a list missed it once", async () => {
    const coolify = listsOf([row("ours")], [older], [row("ours", done)]);
    await expect(awaitedBy(coolify)).resolves.toMatchObject({ deployment: "ours" });
    await expect(awaitedBy(listsOf([row("ours")], [older]))).rejects.toThrow(
      "Coolify has no deployment ours of api any more",
    );
  });

  test.each<readonly [string, Partial<CoolifyDeployment>, RegExp]>([
    ["waits in the queue", {}, /still waits in Coolify's queue after 40ms/],
    ["does not end", { status: "in_progress" }, /is still in progress after 40ms/],
    ["hangs in its command", { status: "finished" }, /post-deployment command has not ended/],
  ])("ends at its deadline when it %s", async (_title, given, reason) => {
    await expect(awaitedBy(listsOf([row("ours", given)]), { withinMs: 40 })).rejects.toThrow(
      reason,
    );
  });

  test("goes on while Coolify cannot be asked", async () => {
    const coolify = listsOf(
      trouble("unreachable", "502"),
      trouble("timeout"),
      trouble("unreachable", "ECONNREFUSED"),
      [row("ours", done)],
    );
    await expect(awaitedBy(coolify)).resolves.toMatchObject({ deployment: "ours" });
  });

  test("says at the deadline that nobody can tell, when Coolify cannot be asked any more", async () => {
    const coolify = listsOf([row("ours")], trouble("unreachable", "502"));
    await expect(awaitedBy(coolify, { withinMs: 40 })).rejects.toThrow(
      /^nobody can tell how deployment ours of api ended: Coolify, deployment of api: unreachable 502/,
    );
  });

  test("ends at once when Coolify will not be asked", async () => {
    const coolify = listsOf(trouble("unauthorized", "401"));
    await expect(awaitedBy(coolify)).rejects.toThrow(/unauthorized/);
    expect(coolify.looks()).toBe(1);
  });

  test("stops when it is told to", async () => {
    const controller = new AbortController();
    const coolify = listsOf([row("ours")]);
    const step = deploymentEndsStep({
      name: "the API is deployed",
      coolify,
      application: "api",
      deploymentOf: () => "ours",
      commitOf: () => commit,
      withinMs: 60_000,
    });
    const reason = new Error("the process stops");
    setTimeout(() => controller.abort(reason), 20);
    await expect(step.look(contextOf({ signal: controller.signal }))).rejects.toBe(reason);
  });

  test("finds the deployment by its commit when a person said that it was accepted", async () => {
    const step = deploymentEndsStep({
      name: "the API is deployed",
      coolify: listsOf([row("ours", done), older]),
      application: "api",
      deploymentOf: ({ deploy }) => deploymentIn(deploy),
      commitOf: () => commit,
      withinMs: 2_000,
    });
    const results = { deploy: { decidedBy: "Ada" } };
    await expect(step.look(contextOf({ results }))).resolves.toMatchObject({ deployment: "ours" });
  });
});

describe("to take over from what is being deployed", () => {
  function cancelling(answer: (rows: CoolifyDeployment[], uuid: string) => CoolifyDeployment) {
    const rows = [row("second"), row("first", { status: "in_progress" })];
    let asked = 0;
    const coolify = {
      activeDeployments: async () =>
        rows.filter(({ status }) => ["queued", "in_progress"].includes(status)),
      cancelDeployment: async (_application: string, uuid: string) => {
        asked += 1;
        return answer(rows, uuid);
      },
    };
    const step = cancelActiveStep({
      name: "take over",
      coolify,
      application: "api",
      deploymentsOf: () => ["second", "first"],
      everyMs: 5,
    });
    return { step, rows, asked: () => asked };
  }
  const end = (rows: CoolifyDeployment[], uuid: string, status = "cancelled-by-user") => {
    const index = rows.findIndex((each) => each.uuid === uuid);
    const ended = { ...rows[index]!, status };
    rows[index] = ended;
    return ended;
  };

  test("ends each of them and says which", async () => {
    const { step, asked } = cancelling(end);
    const baseline = await step.baseline!(contextOf());
    const context = { ...contextOf(), baseline };
    expect(await step.observe(context)).toEqual({ kind: "absent" });
    expect(await step.act(context)).toEqual({ ended: ["second", "first"] });
    expect(await step.observe(context)).toEqual({
      kind: "happened",
      result: { ended: ["second", "first"] },
    });
    expect(asked()).toBe(2);
  });

  test("leaves a deployment alone that nobody was shown", async () => {
    const { step, rows } = cancelling(end);
    rows.unshift(row("unseen"));
    const baseline = await step.baseline!(contextOf());
    expect(baseline).toEqual(["second", "first"]);
    await step.act({ ...contextOf(), baseline });
    expect(rows[0]!.status).toBe("queued");
  });

  test("asks nobody when nothing is being deployed", async () => {
    const { step, rows, asked } = cancelling(end);
    rows.splice(0);
    const baseline = await step.baseline!(contextOf());
    expect(await step.act({ ...contextOf(), baseline })).toEqual({ ended: [] });
    expect(asked()).toBe(0);
  });

  test("fails when one goes on, and a refusal is not asked again", async () => {
    const { step, asked } = cancelling(() => {
      throw trouble("unauthorized", "403");
    });
    const context = { ...contextOf(), baseline: ["second"] };
    await expect(step.act(context)).rejects.toThrow(/403/);
    expect(asked()).toBe(1);
    const goesOn = cancelling((rows) => rows[0]!);
    await expect(goesOn.step.act(context)).rejects.toThrow(
      "deployment second of api is still queued",
    );
  });

  test("asks again, a few times, while Coolify does not answer: what has ended is not ended twice", async () => {
    const context = { ...contextOf(), baseline: ["second"] };
    const { step, asked } = cancelling((rows, uuid) => {
      if (asked() < 3) throw trouble("timeout");
      return end(rows, uuid);
    });
    expect(await step.act(context)).toEqual({ ended: ["second"] });
    expect(asked()).toBe(3);
    const silent = cancelling(() => {
      throw trouble("unreachable", "502");
    });
    await expect(silent.step.act(context)).rejects.toThrow(/502/);
    expect(silent.asked()).toBe(3);
  });

  test("leaves a deployment alone that came later", async () => {
    const { step, rows } = cancelling(end);
    rows.unshift(row("third"));
    const context = { ...contextOf(), baseline: ["second", "first"] };
    await step.act(context);
    expect((await step.observe(context)).kind).toBe("happened");
    expect(rows[0]!.status).toBe("queued");
  });
});
