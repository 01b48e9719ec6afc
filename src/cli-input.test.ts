import { PassThrough } from "node:stream";

import { expect, test } from "vitest";

import { createCliInput } from "./cli-input.ts";

const never = new AbortController().signal;

test("gives lines in their order, and undefined once there can be no more", async () => {
  const pipe = new PassThrough();
  using input = createCliInput(pipe, () => {});
  pipe.end("first\nsecond\r\nlast without an end");
  expect(await input.nextLine(never)).toBe("first");
  expect(await input.nextLine(never)).toBe("second");
  expect(await input.nextLine(never)).toBe("last without an end");
  expect(await input.nextLine(never)).toBeUndefined();
});

test("keeps a line that came when nobody waited, also after somebody gave up waiting", async () => {
  const pipe = new PassThrough();
  using input = createCliInput(pipe, () => {});
  const giveUp = new AbortController();
  const waiting = input.nextLine(giveUp.signal);
  giveUp.abort();
  expect(await waiting).toBeUndefined();
  pipe.write("operator\n");
  expect(await input.nextLine(never)).toBe("operator");
});

/** A terminal whose keys a test presses. */
function terminal() {
  const keys = new PassThrough();
  const modes: boolean[] = [];
  const stream = Object.assign(keys, {
    isTTY: true,
    setRawMode: (raw: boolean) => modes.push(raw),
  });
  return { stream, modes, press: (text: string) => keys.write(text) };
}

test("reads a hidden line key by key, with backspace, and gives the terminal its manner back", async () => {
  const { stream, modes, press } = terminal();
  using input = createCliInput(stream, () => {});
  const line = input.nextHiddenLine(never);
  press("7:abx");
  press("\u007f");
  press("c\r");
  expect(await line).toBe("7:abc");
  expect(modes).toEqual([true, false]);
});

test("takes Control-C in a hidden line for what the terminal would have made of it", async () => {
  const { stream, modes, press } = terminal();
  let interrupted = false;
  using input = createCliInput(stream, () => (interrupted = true));
  const line = input.nextHiddenLine(never);
  press("7:a\u0003");
  await line;
  expect(interrupted).toBe(true);
  expect(modes).toEqual([true, false]);
});

test("holds no more of a line than a line can be", async () => {
  const pipe = new PassThrough();
  using input = createCliInput(pipe, () => {});
  pipe.end(`${"x".repeat(100_000)}\n`);
  expect((await input.nextLine(never))?.length).toBe(4_096);
});
