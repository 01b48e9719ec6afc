import { z } from "zod";

import { statusesSetting } from "../../checks/http-expectation.ts";
import { bearerSetting, headersSetting } from "../../checks/http-headers.ts";
import {
  choiceSetting,
  durationSetting,
  scalarSetting,
  secretSetting,
  textSetting,
  urlSetting,
} from "../../core/setting.ts";
import { postgresUrlProblem } from "../../systems/postgres.ts";
import { redisUrlProblem } from "../../systems/redis.ts";
import { flowProblems } from "./flow-problems.ts";

/** The language of flows: what a step calls, what it expects, what it learns, and what it leaves behind. */

const TEXT_LIMIT = 200;
const MAXIMUM_MS = 300_000;

const pathPattern = /^[^.]+(?:\.[^.]+)*$/;
const pathSetting = textSetting({ pattern: pathPattern, expected: "a path such as data.0.id" });

const numberOrVariable = z.union(
  [
    z.number(),
    z.string().regex(/^\{\{[^{}]+\}\}$/, {
      error: "expected a number, or a variable such as {{before}}",
    }),
  ],
  { error: "expected a number, or a variable such as {{before}}" },
);

/** The conditions of checks, in which a variable may stand for a number. */
const conditionSetting = z
  .strictObject({
    oneOf: z.array(scalarSetting()).min(1).optional(),
    not: scalarSetting().optional(),
    above: numberOrVariable.optional(),
    atLeast: numberOrVariable.optional(),
    atMost: numberOrVariable.optional(),
    nonEmpty: z.literal(true).optional(),
  })
  .refine(
    (condition) => Object.keys(condition).length > 0,
    "expected at least one of oneOf, not, above, atLeast, atMost, nonEmpty",
  );

const valuesSetting = z
  .record(
    z.string().regex(pathPattern, { error: "expected a path such as data.0.id" }),
    z.union([conditionSetting, scalarSetting()], {
      error: "expected a value, or a condition such as {atLeast: 1}",
    }),
  )
  .refine((values) => Object.keys(values).length > 0, "expected at least one value");

const httpExpectation = z.strictObject({
  status: statusesSetting,
  json: valuesSetting.optional(),
  absent: z.array(pathSetting).min(1).optional(),
});

const sqlExpectation = z
  .strictObject({
    rows: z
      .union([conditionSetting, z.number()], {
        error: "expected a number of rows, or a condition such as {atMost: 0}",
      })
      .optional(),
    row: valuesSetting.optional().meta({ description: "Columns of the first row" }),
  })
  .refine((expect) => Object.keys(expect).length > 0, "expected at least one of rows, row");

const redisExpectation = z.strictObject({ length: z.union([conditionSetting, z.number()]) });

const method = choiceSetting(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);

const httpShape = {
  url: urlSetting().meta({ description: "The address; variables may stand in its path and query" }),
  headers: headersSetting.optional(),
  bearer: bearerSetting.optional(),
  json: z.unknown().optional().meta({ description: "The body; variables may stand in its texts" }),
};

const sqlShape = {
  url: secretSetting({ accepts: postgresUrlProblem }).meta({
    description: "PostgreSQL URL of a role that may only read",
    examples: ["${env:DATABASE_URL}"],
  }),
  sql: textSetting({ maximum: 8_192 }).meta({ description: "One select; its values are $1, $2 …" }),
  values: z.array(scalarSetting()).max(20).default([]),
};

const redisShape = {
  url: secretSetting({ accepts: redisUrlProblem }).meta({
    description: "Redis URL of a user that may only read",
    examples: ["${env:REDIS_URL}"],
  }),
  list: textSetting({ maximum: 256 }).meta({ description: "The list whose length is asked" }),
};

/** A look without an expectation of its own is answered by anything. */
const anyRow = { rows: { atLeast: 1 } } as const;

const httpLook = z.strictObject({
  kind: z.literal("http"),
  ...httpShape,
  method: method.default("GET"),
  effect: z.literal("none").optional(),
  expect: httpExpectation.prefault({}),
});
const sqlLook = z.strictObject({
  kind: z.literal("sql"),
  ...sqlShape,
  expect: sqlExpectation.default(anyRow),
});
const redisLook = z.strictObject({
  kind: z.literal("redis"),
  ...redisShape,
  expect: redisExpectation.optional(),
});

const withinSetting = (defaultMs: number) =>
  durationSetting({ minimumMs: 100, maximumMs: MAXIMUM_MS })
    .default(defaultMs)
    .meta({ description: "The step fails when it has no answer by then" });

const common = {
  name: textSetting({ maximum: 60 }).meta({
    description: "What the step shows, as a card says it",
    examples: ["a thought becomes a task"],
  }),
  capture: z
    .record(
      z.string().regex(/^[a-z][A-Za-z0-9]{0,31}$/, {
        error: "expected a name such as inboxItem",
      }),
      pathSetting,
    )
    .default({})
    .meta({ description: "Variables for later steps, by their path in the answer" }),
  proves: textSetting({ maximum: TEXT_LIMIT })
    .optional()
    .meta({ description: "What is sure when the step has passed" }),
  leaves: z
    .array(textSetting({ maximum: TEXT_LIMIT }))
    .min(1)
    .optional()
    .meta({ description: "What stays behind in the target, told unless a later step removes it" }),
  removes: textSetting({ maximum: TEXT_LIMIT }).optional().meta({
    description: "What an earlier step leaves and this one takes away, in the same words",
  }),
  lookAt: textSetting({ maximum: TEXT_LIMIT })
    .optional()
    .meta({ description: "Where to look when it fails" }),
};

const stepSetting = z
  .discriminatedUnion("kind", [
    httpLook.extend({
      ...common,
      within: withinSetting(30_000),
      idempotencyHeader: textSetting({
        pattern: /^[A-Za-z0-9-]{1,64}$/,
        expected: "the name of a header",
      })
        .optional()
        .meta({
          description: "Carries a key of the step, with which it may be sent again",
          examples: ["Idempotency-Key"],
        }),
      effect: choiceSetting(["none", "repeatable"])
        .optional()
        .meta({ description: "none: it changes nothing; repeatable: twice is the same as once" }),
    }),
    sqlLook.extend({ ...common, within: withinSetting(10_000) }),
    redisLook.extend({ ...common, within: withinSetting(10_000) }),
    z.strictObject({
      kind: z.literal("wait-until"),
      ...common,
      every: durationSetting({ minimumMs: 100, maximumMs: 60_000 })
        .default(500)
        .meta({ description: "The pause between two looks" }),
      within: durationSetting({ minimumMs: 100, maximumMs: MAXIMUM_MS }).meta({
        description: "The step fails when it has not come by then",
        examples: ["45s"],
      }),
      look: z.discriminatedUnion("kind", [httpLook, sqlLook, redisLook]),
      giveUp: z
        .strictObject({
          when: z.union([sqlExpectation, httpExpectation, redisExpectation], {
            error: "expected what the look may show, such as {row: {state: failed}}",
          }),
          telling: pathSetting
            .optional()
            .meta({ description: "The path of a text that says why, told masked and shortened" }),
        })
        .optional()
        .meta({ description: "What ends the waiting early, as a failure" }),
    }),
  ])
  .meta({ description: "One step of a flow" });

const flowShape = z.strictObject({
  steps: z.array(stepSetting).min(1).max(40),
  cleanup: z.array(stepSetting).max(20).default([]).meta({
    description: "Tried at the end, whatever came before, as far as its variables are known",
  }),
});

const flowSetting = flowShape.superRefine((flow, context) => {
  for (const { path, message } of flowProblems(flow)) {
    context.addIssue({ code: "custom", path: [...path], message });
  }
});

/** A target's smoke flows; none, when it has none. */
export const smokeSetting = z
  .strictObject({
    flow: textSetting().meta({ description: "The flow that a bare /smoke runs" }),
    flows: z.record(
      z.string().regex(/^[a-z][a-z0-9-]{0,19}$/, {
        error: "expected at most 20 small letters, digits and dashes, such as todoist",
      }),
      flowSetting,
    ),
  })
  .superRefine(({ flow, flows }, context) => {
    if (Object.hasOwn(flows, flow)) return;
    const names = Object.keys(flows).join(", ");
    const message = names === "" ? "expected a flow below flows" : `expected one of ${names}`;
    context.addIssue({ code: "custom", path: ["flow"], message });
  })
  .optional()
  .meta({ description: "Flows that prove the target by using it, for /smoke" });

export type SmokeSettings = z.output<typeof smokeSetting>;
export type Flow = z.output<typeof flowShape>;
export type FlowStep = z.output<typeof stepSetting>;
export type Look =
  | z.output<typeof httpLook>
  | z.output<typeof sqlLook>
  | z.output<typeof redisLook>;
export type WaitStep = Extract<FlowStep, { readonly kind: "wait-until" }>;
