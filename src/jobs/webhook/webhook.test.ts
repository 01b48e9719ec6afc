import { describe, expect, test } from "vitest";

import type { RegisteredWebhook } from "../../systems/product-webhook.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { BotWebhook } from "../../systems/telegram-bot.ts";
import type { ApprovalsSettings } from "../approval/approval-settings.ts";
import type { ActStep, AskStep, LookStep, Step } from "../operation.ts";
import { LOOK } from "./webhook-report.ts";
import { createWebhookLook, createWebhookSet } from "./webhook.ts";

const URL = "https://api.example.com/hook";
const context = {
  signal: new AbortController().signal,
  run: "R-1",
  key: "k",
  results: {},
  report: () => {},
};

function fake(parts: {
  readonly found?: () => Partial<BotWebhook>;
  readonly register?: () => void;
  readonly probe?: () => { rightSecret: number; wrongSecret: number };
}): RegisteredWebhook {
  return {
    url: () => URL,
    registration: async () => ({
      url: URL,
      pendingUpdates: 0,
      lastError: undefined,
      ...parts.found?.(),
    }),
    probe: async () => parts.probe?.() ?? { rightSecret: 200, wrongSecret: 403 },
    register: async () => parts.register?.(),
  };
}

async function lookedAt(webhook: RegisteredWebhook) {
  const operation = createWebhookLook({ productWebhook: webhook });
  const [step] = operation.steps({});
  return operation.conclude({}, { [LOOK]: await (step as LookStep).look(context) });
}

const minutesAgo = (minutes: number) => ({
  at: new Date(Date.now() - minutes * 60_000),
  message: "Connection refused",
});
const away = (): never => {
  throw new SystemError(
    "http",
    "timeout",
    "POST https://api.example.com/hook: no answer within 8s",
  );
};

describe("the verdict on the webhook", () => {
  test.each<[string, string, Parameters<typeof fake>[0]]>([
    ["GO", "all is as it should be", {}],
    ["NO-GO", "there is none", { found: () => ({ url: "" }) }],
    ["NO-GO", "it leads elsewhere", { found: () => ({ url: "https://thief.example.com/x" }) }],
    ["GO", "20 updates wait", { found: () => ({ pendingUpdates: 20 }) }],
    ["NO-GO", "21 updates wait", { found: () => ({ pendingUpdates: 21 }) }],
    ["NO-GO", "a delivery failed lately", { found: () => ({ lastError: minutesAgo(9) }) }],
    ["GO", "a delivery failed long ago", { found: () => ({ lastError: minutesAgo(11) }) }],
    [
      "NO-GO",
      "the product refuses our secret",
      { probe: () => ({ rightSecret: 403, wrongSecret: 403 }) },
    ],
    [
      "NO-GO",
      "the product takes any secret",
      { probe: () => ({ rightSecret: 200, wrongSecret: 200 }) },
    ],
    ["GO", "it refuses by 401", { probe: () => ({ rightSecret: 204, wrongSecret: 401 }) }],
    ["UNKNOWN", "the product cannot be asked", { probe: away }],
    ["UNKNOWN", "Telegram cannot be asked", { found: away }],
    ["NO-GO", "what can be seen is wrong already", { found: () => ({ url: "" }), probe: away }],
  ])("is %s when %s", async (verdict, _when, parts) => {
    expect(await lookedAt(fake(parts))).toMatchObject({ verdict });
  });

  test("keeps of a foreign address only whose it is", async () => {
    const stolen = fake({ found: () => ({ url: "https://thief.example.com/secret?x=1" }) });
    expect((await lookedAt(stolen)).facts["address"]).toBe("https://thief.example.com/…");
  });
});

describe("setting it", () => {
  const setting = (webhook: RegisteredWebhook, approvals: ApprovalsSettings = {}) =>
    createWebhookSet({ productWebhook: webhook, approvals, target: "alpha" });
  const stepOf = <Kind extends Step["kind"]>(webhook: RegisteredWebhook, kind: Kind, nth = 0) =>
    setting(webhook)
      .steps({})
      .filter((step) => step.kind === kind)[nth] as Extract<Step, { readonly kind: Kind }>;
  const actOf = (webhook: RegisteredWebhook): ActStep => stepOf(webhook, "act");

  /** What the step makes of an act that ended so, under an address that was or was not there before. */
  async function observedAfter(end: () => void, before: string, after: string) {
    let url = before;
    const step = actOf(
      fake({
        found: () => ({ url }),
        register: () => {
          url = after;
          end();
        },
      }),
    );
    const baseline = (await step.baseline?.(context)) ?? null;
    await step.act({ ...context, baseline }).catch(() => {});
    return step.observe({ ...context, baseline });
  }

  const lost = (): never => {
    throw new SystemError("telegram", "timeout", "no answer");
  };
  const refused = (): never => {
    throw new SystemError("telegram", "rejected", "400 Bad Request: bad webhook");
  };

  test.each([
    ["happened", "the answer was lost and the address is new", lost, "", URL],
    ["absent", "the answer was lost and the address is still another", lost, "", ""],
    ["unclear", "the answer was lost and the address is the one of before", lost, URL, URL],
    ["absent", "Telegram refused, though the address was there before", refused, URL, URL],
  ] as const)("is taken for %s when %s", async (kind, _when, end, before, after) => {
    expect(await observedAfter(end, before, after)).toMatchObject({ kind });
  });

  test("is judged by what was set, not by what waits or failed before", async () => {
    const webhook = fake({ found: () => ({ pendingUpdates: 500, lastError: minutesAgo(1) }) });
    const operation = setting(webhook);
    const look = stepOf(webhook, "look", 1);
    expect(operation.conclude({}, { [LOOK]: await look.look(context) }).verdict).toBe("GO");
  });

  test("is asked by where it leads now and where it is to lead, before anything is done", async () => {
    const webhook = fake({ found: () => ({ url: "https://thief.example.com/collect?all" }) });
    const [before, ask, act] = setting(webhook).steps({});
    expect([before?.kind, ask?.kind, act?.kind]).toEqual(["look", "ask", "act"]);
    const looked = await stepOf(webhook, "look").look(context);
    const question = stepOf(webhook, "ask").question({ [before!.name]: looked });
    expect(question).toEqual({
      policy: "second-person",
      needsCode: false,
      parameters: { address: URL, secret: "as configured" },
      observed: { registered: "https://thief.example.com/…" },
    });
  });

  test("is asked of whom the configuration says", () => {
    const [, ask] = setting(fake({}), { "webhook-set": "confirm" }).steps({});
    const looked = { "look where it leads now": { from: "none", to: URL, waiting: 0 } };
    expect((ask as AskStep).question(looked)).toMatchObject({ policy: "confirm" });
  });

  test("rests on where it leads: somebody else's change makes the yes worthless", async () => {
    let url = "";
    const webhook = fake({ found: () => ({ url }) });
    const ask = stepOf(webhook, "ask");
    expect(await ask.observe(context)).toEqual({ registered: "none" });
    url = URL;
    expect(await ask.observe(context)).toEqual({ registered: URL });
  });
});
