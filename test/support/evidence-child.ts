/** Appends entries to a log, or renders it, until it is killed: what tests of the file kill, pause and double. */
import { flushCompileCache } from "node:module";

import { Secret } from "../../src/core/secret.ts";
import { openDatabase } from "../../src/storage/database.ts";
import { appendEntry, startRendering } from "./evidence-log.ts";

const [, , role = "", url = "", directory = "", rotateAtBytes = ""] = process.argv;
const database = openDatabase({
  url: new Secret(url),
  clock: (now) => now,
  onIdleError: () => undefined,
});

// Written now, because those that are killed write nothing when they end.
flushCompileCache();

switch (role) {
  case "append":
    process.stdout.write("ready\n");
    for (;;) {
      // Said after the commit, so whatever was said must be found.
      const cause = await appendEntry(database, "x".repeat(200));
      process.stdout.write(`${cause}\n`);
    }
  case "render": {
    const onError = (error: unknown): void => void process.stderr.write(`${String(error)}\n`);
    startRendering({ database, directory }, { onError, rotateAtBytes: Number(rotateAtBytes) });
    process.stdout.write("ready\n");
    break;
  }
  default:
    throw new Error(`There is nothing to do by the name of "${role}".`);
}
