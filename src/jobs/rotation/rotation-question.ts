import { z } from "zod";

import { answerObservations, expectationSetting } from "../../checks/http-expectation.ts";
import { bearerSetting, headersSetting, requestHeaders } from "../../checks/http-headers.ts";
import { choiceSetting, textSetting, urlSetting } from "../../core/setting.ts";
import { shortened } from "../../core/visible-text.ts";
import type { HttpApi } from "../../systems/http-api.ts";
import { SystemError } from "../../systems/system-error.ts";

/** What the product is asked to show that it really uses a secret: many say 200 without it, and make excuses. */
export const questionSetting = z.strictObject({
  name: textSetting({ maximum: 60 }).meta({
    description: "What it shows",
    examples: ["questions are answered by the model"],
  }),
  url: urlSetting(),
  method: choiceSetting(["GET", "POST"]).default("GET"),
  headers: headersSetting.optional(),
  bearer: bearerSetting.optional(),
  body: textSetting({ maximum: 65_536 }).optional(),
  expect: expectationSetting.prefault({}),
});
export type Question = z.output<typeof questionSetting>;

const PROBLEM_LIMIT = 200;

/** What is wrong with an answer of the product; undefined when every one is as it should be. */
export async function wrongAnswer(
  http: Pick<HttpApi, "request">,
  questions: readonly Question[],
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const question of questions) {
    const { name, url, method, body, expect } = question;
    const request = {
      method,
      url,
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...requestHeaders(question),
      },
      ...(body === undefined ? {} : { body }),
    };
    const answer = await http.request(request, signal);
    if (answer.status === 429 && !expect.status.includes(429)) {
      throw new SystemError("http", "rate-limited", `${name}: asked too often (429)`);
    }
    const wrong = answerObservations(answer, expect).find(({ ok }) => !ok);
    if (wrong) {
      const { what, expected, actual } = wrong;
      return shortened(`${name}: ${what} should be ${expected}, is ${actual}`, PROBLEM_LIMIT);
    }
  }
  return undefined;
}
