import { describe, expect, test } from "vitest";

import { createFlood } from "./flood.ts";

const GROUP = -1;
const PERSON = 1;

function floodAt() {
  const clock = { nowMs: 0 };
  const flood = createFlood(() => new Date(clock.nowMs));
  const send = (method: string, chatId: number) => {
    try {
      flood.pass(method, chatId);
      return "ok";
    } catch (error) {
      return (error as Error).message;
    }
  };
  return { clock, send };
}

describe("flood control", () => {
  test("lets a short burst through and then one message a second", () => {
    const { clock, send } = floodAt();
    const burst = Array.from({ length: 6 }, () => send("sendMessage", PERSON));
    expect(burst).toEqual(["ok", "ok", "ok", "ok", "ok", "Too Many Requests: retry after 5"]);
    clock.nowMs += 5_000;
    expect(send("sendMessage", PERSON)).toBe("ok");
  });

  test("gives a group twenty messages a minute and then says how long to wait", () => {
    const { clock, send } = floodAt();
    const paced = () => {
      clock.nowMs += 1_000;
      return send("sendMessage", GROUP);
    };
    expect(Array.from({ length: 20 }, paced)).toEqual(Array.from({ length: 20 }, () => "ok"));
    expect(paced()).toBe("Too Many Requests: retry after 40");
    clock.nowMs += 40_000;
    expect(send("sendMessage", GROUP)).toBe("ok");
  });

  test("counts edits on their own, and questions not at all", () => {
    const { clock, send } = floodAt();
    for (let count = 0; count < 20; count += 1) {
      clock.nowMs += 1_000;
      send("sendMessage", GROUP);
    }
    expect(send("sendMessage", GROUP)).toContain("Too Many Requests");
    expect(send("editMessageText", GROUP)).toBe("ok");
    expect(send("getChatMember", GROUP)).toBe("ok");
    expect(send("sendChatAction", GROUP)).toBe("ok");
  });

  test("does not let one chat pay for another", () => {
    const { send } = floodAt();
    for (let count = 0; count < 6; count += 1) send("sendMessage", GROUP);
    expect(send("sendMessage", PERSON)).toBe("ok");
  });
});
