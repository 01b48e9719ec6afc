import { expect, test } from "vitest";

import { createTurnstile } from "./turnstile.ts";

test("lets no more through than it holds, and everybody in the order in which they came", async () => {
  const turnstile = createTurnstile(2);
  const entered: number[] = [];
  let inside = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 9 }, async (_, number) =>
      turnstile.through(async () => {
        entered.push(number);
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside -= 1;
      }),
    ),
  );
  expect(most).toBe(2);
  expect(entered).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test("gives the place on when a work fails", async () => {
  const turnstile = createTurnstile(1);
  await expect(
    turnstile.through(async () => Promise.reject(new Error("broken on purpose"))),
  ).rejects.toThrow("broken on purpose");
  expect(await turnstile.through(async () => "entered")).toBe("entered");
});
