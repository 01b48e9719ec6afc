import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { temporaryDirectory } from "../servers/temporary-directory.ts";
import { createDisk } from "./disk.ts";
import { SystemError } from "./system-error.ts";

const signal = new AbortController().signal;

describe("the room on a disk", () => {
  test("is asked of the folder in which one that nobody has made yet will be", async () => {
    await using directory = await temporaryDirectory("disk");
    const there = await createDisk().room(directory.path, signal);
    const later = await createDisk().room(join(directory.path, "data", "sandbox"), signal);
    expect(there.totalBytes).toBeGreaterThan(0);
    expect(later.totalBytes).toBe(there.totalBytes);
  });

  test("is not made up for what is no folder, and a look that is told to stop stops", async () => {
    const odd = createDisk().room(join(import.meta.filename, "data"), signal);
    await expect(odd).rejects.toThrow(SystemError);
    const stopped = createDisk().room(".", AbortSignal.abort(new Error("stopped")));
    await expect(stopped).rejects.toThrow("stopped");
  });
});
