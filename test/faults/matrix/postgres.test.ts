import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, inject } from "vitest";

import { startFaultProxy, type FaultProxy } from "../../support/fault-proxy.ts";
import type { Scene } from "./scene.ts";
import { openStages } from "./stage.ts";
import { tryCells } from "./try-cells.ts";

/** Longer than a lease of the bots here, and than their reconciler waits. */
const AWAY_MS = 4_000;
const RESETS = 8;
const RESET_EVERY_MS = 400;
/** Long enough for what a step writes at its end, whatever else is committed meanwhile. */
const LOST_MS = 1_500;

const opened = new AsyncDisposableStack();
let proxy: FaultProxy;

beforeAll(async () => {
  const shared = new URL(inject("postgresUrl"));
  const directory = shared.searchParams.get("host") ?? "";
  const port = shared.searchParams.get("port") ?? "5432";
  proxy = opened.use(await startFaultProxy({ to: { path: `${directory}/.s.PGSQL.${port}` } }));
});
afterAll(async () => opened.disposeAsync());

const openStage = openStages();

/** The way to the same database on which things go wrong. */
function throughProxy({ databaseUrl }: Scene): string {
  const url = new URL(databaseUrl);
  url.searchParams.set("host", "127.0.0.1");
  url.searchParams.set("port", String(proxy.port));
  return url.href;
}

tryCells("our PostgreSQL goes away in its midst", async (family) => {
  const { scene, begin, inItsMidst } = await openStage(family);
  await scene.startBot({ databaseUrl: throughProxy(scene) });
  const away = inItsMidst(async () => {
    using _down = proxy.down();
    await sleep(AWAY_MS);
  });
  const undertaking = await begin();
  await undertaking.finish();
  await away;
  await undertaking.expectOnce();
});

tryCells("connections to our PostgreSQL are reset again and again", async (family) => {
  const { scene, begin, inItsMidst } = await openStage(family);
  await scene.startBot({ databaseUrl: throughProxy(scene) });
  const resets = inItsMidst(async () => {
    for (let n = 0; n < RESETS; n += 1) {
      proxy.cut();
      await sleep(RESET_EVERY_MS);
    }
  });
  const undertaking = await begin();
  await undertaking.finish();
  await resets;
  await undertaking.expectOnce();
});

tryCells("our PostgreSQL commits, and its answer is lost", async (family) => {
  const { scene, begin, inItsMidst } = await openStage(family);
  await scene.startBot({ databaseUrl: throughProxy(scene) });
  const before = proxy.broken();
  const lost = inItsMidst(async () => {
    using _lost = proxy.toxic("cut-after-request", { matching: /commit/i });
    await sleep(LOST_MS);
  });
  const undertaking = await begin();
  await undertaking.finish();
  await lost;
  if (proxy.broken() === before) throw new Error("No answer to a commit was lost.");
  await undertaking.expectOnce();
});
