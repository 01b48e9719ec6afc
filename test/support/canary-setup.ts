/** Loaded before every integration test, so that none can forget it: no secret of a world may come out anywhere. */
import { subscribe } from "node:diagnostics_channel";

import { afterAll, afterEach, beforeAll, inject } from "vitest";

import type { VariableNews } from "../../sandbox/coolify/routes/environment-variables.ts";
import type { WorldNews } from "../../sandbox/world.ts";
import {
  environmentCanaries,
  failOnLeaks,
  searchTemporaryFolders,
  watchLog,
  watchProcess,
  watchRedis,
  watchVariable,
  watchWorld,
} from "./canaries.ts";

Object.assign(process.env, environmentCanaries);
subscribe("sandbox.worlds", (message) => watchWorld(message as WorldNews));
// What a rotation makes is nobody's to know before; here it comes out for the first time.
subscribe("sandbox.variables", (message) => watchVariable(message as VariableNews));
subscribe("child_process", (message) =>
  watchProcess(message as Parameters<typeof watchProcess>[0]),
);
// The logger's own tracing, so that tests may start a bot with whatever logger they like.
subscribe("tracing:pino_asJson:end", (message) => watchLog(message as { result?: unknown }));

let redis: Disposable;
beforeAll(async () => {
  redis = await watchRedis(inject("redisUrl"));
});
afterEach(async () => {
  await searchTemporaryFolders();
  failOnLeaks();
});
// Hooks run backwards: by now the file has closed its worlds and its databases, which are searched at their ends.
afterAll(() => {
  redis[Symbol.dispose]();
  failOnLeaks();
});
