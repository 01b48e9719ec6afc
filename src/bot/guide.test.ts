import type { ConversationData, VersionedState } from "@grammyjs/conversations";
import { describe, expect, test } from "vitest";

import type { GuideView } from "../commands/rotate-guide-card.ts";
import { guideSteps, type GuideWord } from "../commands/rotate-guide.ts";
import { turnGuide, type Sighting } from "./guide.ts";

const LAST = (guideSteps("todoist-token", "sync-token") ?? []).length - 1;

/** Somebody and his guides; what is kept of them goes through JSON at every turn, as through a process that dies. */
function person(sights: readonly Sighting[] = []) {
  const kept = new Map<string, string>();
  const seen = [...sights];
  const asked: (string | undefined)[] = [];
  let updateId = 0;
  return {
    kept,
    asked,
    /** What he is shown, or that he was not heard. */
    async says(word: GuideWord, secret = "sync-token"): Promise<GuideView | "not heard"> {
      const shown: GuideView[] = [];
      const isHeard = await turnGuide(
        { target: "alpha", secret, kind: "todoist-token", recipient: undefined, word },
        { userId: 7, updateId: String((updateId += 1)) },
        {
          show: (view) => void shown.push(view),
          async look(_sight, run) {
            asked.push(run);
            return seen.shift() ?? { isSo: true, run: "1" };
          },
        },
        {
          read: async (key) => parsed(kept.get(key)),
          write: async (key, state) => void kept.set(key, JSON.stringify(state)),
          delete: async (key) => void kept.delete(key),
        },
      );
      expect(shown).toHaveLength(isHeard ? 1 : 0);
      return shown[0] ?? "not heard";
    },
  };
}

function parsed(text: string | undefined): VersionedState<ConversationData> | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as VersionedState<ConversationData>);
}

const show: GuideWord = { kind: "show" };
const next = (at: number): GuideWord => ({ kind: "next", at });

describe("a guide", () => {
  test("leads from step to step, each shown once, and is forgotten at its end", async () => {
    const he = person();
    const shown = [await he.says(show)];
    for (let at = 0; at <= LAST; at += 1) shown.push(await he.says(next(at)));
    expect(shown).toEqual([
      ...Array.from({ length: LAST + 1 }, (_, at) => ({ kind: "step", at })),
      { kind: "over" },
    ]);
    expect([...he.kept]).toEqual([]);
  });

  test("says what to do if a step fails, and stays there", async () => {
    const he = person();
    await he.says(show);
    expect(await he.says({ kind: "fails", at: 0 })).toEqual({ kind: "step", at: 0, fails: true });
    expect(await he.says(next(0))).toEqual({ kind: "step", at: 1 });
  });

  test("does not believe what it cannot see, and asks anew by the run in which it saw something", async () => {
    const he = person([{ isSo: false }, { isSo: true, run: "42" }, { isSo: false, run: "42" }]);
    await he.says(show);
    expect(await he.says(next(0))).toEqual({ kind: "step", at: 0, notYet: true });
    expect(await he.says(next(0))).toEqual({ kind: "step", at: 1 });
    await he.says(next(1));
    expect(await he.says(next(2))).toEqual({ kind: "step", at: 2, notYet: true });
    expect(await he.says(next(2))).toEqual({ kind: "step", at: 3 });
    // Once a tap and never again for an earlier one, however often the plugin replays it.
    expect(he.asked).toEqual([undefined, undefined, "42", "42"]);
  });

  test("hears a word about one step only there: a doubled tap skips nothing, an old button does nothing", async () => {
    const he = person();
    await he.says(show);
    await he.says(next(0));
    const before = JSON.stringify([...he.kept]);
    expect(await he.says(next(0))).toBe("not heard");
    expect(await he.says({ kind: "stop", at: 0 })).toBe("not heard");
    expect(await he.says(next(3))).toBe("not heard");
    expect(JSON.stringify([...he.kept])).toBe(before);
    expect(await he.says(next(1))).toEqual({ kind: "step", at: 2 });
  });

  test("asked for again shows where it stands, and begins anew only once it was stopped", async () => {
    const he = person();
    await he.says(show);
    await he.says(next(0));
    expect(await he.says(show)).toEqual({ kind: "step", at: 1 });
    expect(await he.says({ kind: "stop", at: 1 })).toEqual({ kind: "stopped", at: 1 });
    expect(await he.says(next(1))).toBe("not heard");
    expect(await he.says(show)).toEqual({ kind: "step", at: 0 });
  });

  test("goes on beside another one of the same person", async () => {
    const he = person();
    await he.says(show);
    await he.says(show, "other-token");
    await he.says(next(0), "other-token");
    expect(await he.says(next(0))).toEqual({ kind: "step", at: 1 });
    expect(await he.says(show, "other-token")).toEqual({ kind: "step", at: 1 });
    expect([...he.kept.keys()]).toEqual(["7:7"]);
  });

  test("that was begun in other words is dropped instead of being replayed wrongly", async () => {
    const he = person();
    await he.says(show);
    await he.says(next(0));
    const [[key, state] = ["", ""]] = he.kept;
    he.kept.set(key, state.replace(/"version":\[0,"[^"]+"\]/, '"version":[0,"0-other"]'));
    expect(he.kept.get(key)).toContain("0-other");
    expect(await he.says(next(1))).toBe("not heard");
    expect(await he.says(show)).toEqual({ kind: "step", at: 0 });
  });

  test("keeps of a person the buttons that he tapped, and nothing that he types", async () => {
    const he = person();
    await he.says(show);
    await he.says(next(0));
    const state = parsed(he.kept.get("7:7"))?.state["rotation-guide"]?.[0];
    const kept = state?.replay.receive.map(({ returnValue }) => returnValue) ?? [];
    const updates = kept.filter((one) => typeof one === "object" && one && "update_id" in one);
    expect(updates).toHaveLength(2);
    for (const update of updates) {
      expect(Object.keys(update as object)).toEqual(["update_id", "callback_query"]);
      expect((update as { callback_query: object }).callback_query).toEqual({
        id: expect.stringMatching(/^\d$/),
        from: { id: 7, is_bot: false, first_name: "" },
        chat_instance: "",
        data: expect.stringMatching(/^alpha sync-token (show |next 0)$/),
        message: { chat: { id: 7, type: "private", first_name: "" }, message_id: 0, date: 0 },
      });
    }
  });

  test("fails as a whole when what it asks for fails, and is then where it was", async () => {
    const he = person();
    await he.says(show);
    const before = he.kept.get("7:7");
    const broken = turnGuide(
      {
        target: "alpha",
        secret: "sync-token",
        kind: "todoist-token",
        recipient: undefined,
        word: next(0),
      },
      { userId: 7, updateId: "9" },
      { show: () => undefined, look: async () => Promise.reject(new Error("no database")) },
      {
        read: async () => parsed(before),
        write: async () => undefined,
        delete: async () => undefined,
      },
    );
    await expect(broken).rejects.toThrow("no database");
    expect(await he.says(next(0))).toEqual({ kind: "step", at: 1 });
  });
});
