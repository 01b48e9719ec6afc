import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { createEffects } from "./effects.ts";
import { createOutsidePages, type OutsidePages } from "./outside-pages.ts";
import { startTodoist, type Todoist } from "./todoist.ts";
import { startXai, type Xai } from "./xai.ts";

const opened = new AsyncDisposableStack();
let todoist: Todoist;
let xai: Xai;
let outside: OutsidePages;

beforeAll(async () => {
  const effects = createEffects(() => undefined);
  const indiscretion = "told-to-everybody";
  todoist = opened.use(await startTodoist({ token: "first", tasks: {}, effects, indiscretion }));
  xai = opened.use(await startXai({ key: "xai-first", effects, indiscretion }));
  outside = createOutsidePages({ todoist, xai });
});
afterAll(async () => {
  await opened.disposeAsync();
});

const page = (name: string) => outside.pages().find((one) => one.name === name)!;

async function statusOf(url: string, token: string): Promise<number> {
  const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  await answer.arrayBuffer();
  return answer.status;
}

describe("the pages on which people do what only they can do", () => {
  test("Todoist's shows a token once it was issued, and the one before is dead at once", async () => {
    expect(page("todoist").issued).toBeUndefined();
    expect(outside.press("todoist-issue")).toBe(true);
    const { secret = "" } = page("todoist").issued ?? {};
    expect(await statusOf(`${todoist.url}/user`, secret)).toBe(200);
    expect(await statusOf(`${todoist.url}/user`, "first")).toBe(401);
  });

  test("xAI's console shows a key that was made, and lists all of them by their endings alone", async () => {
    outside.press("xai-create");
    const { secret = "" } = page("xai").issued ?? {};
    expect(await statusOf(`${xai.url}/models`, secret)).toBe(200);
    expect(await statusOf(`${xai.url}/models`, "xai-first")).toBe(200);
    const texts = page("xai").rows.map(({ text }) => text);
    expect(texts).toEqual([
      "production · …irst",
      expect.stringMatching(/^made by hand [\d-]+ · …\w{4}$/),
    ]);
  });

  test("there a key is disabled, enabled again, and deleted", async () => {
    const pressFirst = (title: string): boolean => {
      const action = page("xai").rows[0]?.actions.find((one) => one.title === title);
      return outside.press(action?.name ?? "");
    };
    const first = async () => statusOf(`${xai.url}/models`, "xai-first");
    expect(pressFirst("Disable")).toBe(true);
    expect(await first()).toBe(400);
    expect(page("xai").rows[0]?.text).toBe("production · …irst · disabled");
    expect(pressFirst("Enable")).toBe(true);
    expect(await first()).toBe(200);
    expect(pressFirst("Delete")).toBe(true);
    expect(await first()).toBe(400);
    expect(page("xai").rows).toHaveLength(1);
    expect(outside.press("dance")).toBe(false);
  });
});
