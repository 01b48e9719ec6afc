import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { createEffects } from "./effects.ts";
import { type Xai, startXai } from "./xai.ts";

const key = "xai-abcdefghij";
const effects = createEffects();
let xai: Xai;
beforeAll(async () => {
  xai = await startXai({ key, effects });
});
afterAll(() => xai[Symbol.asyncDispose]());
beforeEach(() => {
  xai.setRevoked(false);
  xai.setMood("answers");
});

const get = (path: string, token?: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${xai.url}${path}`, {
    ...init,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
const complete = (system: string, user: string, model = "grok-4-fast"): Promise<Response> =>
  get("/chat/completions", key, {
    method: "POST",
    body: JSON.stringify({
      model,
      messages: [
        { role: "system", content: system },
        { role: "user", content: user },
      ],
    }),
  });
const contentOf = async (response: Response): Promise<string> => {
  const body = (await response.json()) as { choices: [{ message: { content: string } }] };
  return body.choices[0].message.content;
};

describe("the sandbox's xAI", () => {
  test("lists its models to a good key", async () => {
    const response = await get("/models", key);
    expect(response.status).toBe(200);
    const body = (await response.json()) as { data: { id: string }[] };
    expect(body.data.map((model) => model.id)).toContain("grok-4-fast");
  });

  test.each([
    ["no key", undefined, 401],
    ["a wrong key", "xai-wrong-key", 400],
  ])("refuses %s with the status of the real one", async (_, token, status) => {
    const response = await get("/models", token);
    expect(response.status).toBe(status);
  });

  test("refuses a revoked key, shows four characters of it, and takes it again when it is restored", async () => {
    xai.setRevoked(true);
    const refused = await get("/models", key);
    expect(refused.status).toBe(400);
    expect(await refused.json()).toEqual({
      code: "Client specified an invalid argument",
      error:
        "Incorrect API key provided: xa***ij. You can obtain an API key from https://console.x.ai.",
    });
    xai.setRevoked(false);
    expect((await get("/models", key)).status).toBe(200);
  });

  test("keeps requests waiting while it hangs, and answers them when it is well again", async () => {
    xai.setMood("hangs");
    await expect(get("/models", key, { signal: AbortSignal.timeout(150) })).rejects.toThrow(
      "timeout",
    );
    const waiting = get("/models", key);
    xai.setMood("answers");
    expect((await waiting).status).toBe(200);
  });

  test("fails with 500, and babbles HTML with 200", async () => {
    xai.setMood("fails");
    expect((await get("/models", key)).status).toBe(500);
    xai.setMood("babbles");
    const babble = await get("/models", key);
    expect(babble.status).toBe(200);
    expect(babble.headers.get("content-type")).toContain("text/html");
  });

  test("extracts a task, answers a question and summarizes, as its prompt says", async () => {
    const extracted = JSON.parse(await contentOf(await complete("Extract the tasks", "buy milk")));
    expect(extracted.tasks).toEqual([{ title: "buy milk" }]);
    const answered = JSON.parse(await contentOf(await complete("Answer the question", "milk?")));
    expect(answered).toEqual({ answer: "Here is what I know about: milk?", confidence: 0.82 });
    expect(await contentOf(await complete("Summarize", "buy milk"))).toBe("Summary: buy milk");
  });

  test("refuses a model that it does not have, and a body that is none", async () => {
    expect((await complete("Extract", "x", "gpt-2")).status).toBe(404);
    const nonsense = await get("/chat/completions", key, { method: "POST", body: "nonsense" });
    expect(nonsense.status).toBe(400);
  });

  test("counts what it answered and what it refused", async () => {
    const before = effects.counts();
    await get("/models", key);
    await get("/models", "wrong");
    await complete("Summarize", "x");
    const after = effects.counts();
    expect(after.xaiModelCalls - before.xaiModelCalls).toBe(1);
    expect(after.xaiRefusals - before.xaiRefusals).toBe(1);
    expect(after.xaiCompletions - before.xaiCompletions).toBe(1);
  });
});
