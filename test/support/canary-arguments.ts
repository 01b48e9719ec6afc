/** Loaded by a bot that runs as a child: writes down the arguments of what it starts, for the search of its folder. */
import { subscribe } from "node:diagnostics_channel";
import { appendFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.env["OWN_DATA"];

subscribe("child_process", (message) => {
  const { process: started } = message as { process: { readonly spawnargs: readonly string[] } };
  queueMicrotask(() => {
    if (folder === undefined) return;
    appendFileSync(join(folder, "arguments"), `${started.spawnargs.join("\n")}\n`);
  });
});
