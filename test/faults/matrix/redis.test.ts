import { Redis } from "ioredis";
import { afterAll, beforeAll } from "vitest";

import { startRedis, type RedisServer } from "../../../src/servers/redis.ts";
import { temporaryDirectory } from "../../../src/servers/temporary-directory.ts";
import { startFaultProxy, type FaultProxy } from "../../support/fault-proxy.ts";
import { openStages } from "./stage.ts";
import { tryCells } from "./try-cells.ts";

const opened = new AsyncDisposableStack();
let redis: RedisServer;
let proxy: FaultProxy;
/** The way to it on which things go wrong. */
let redisUrl: string;

beforeAll(async () => {
  const { path } = opened.use(await temporaryDirectory("matrix-redis"));
  redis = opened.use(await startRedis({ directory: path, durable: false }));
  proxy = opened.use(await startFaultProxy({ to: { path: redis.socket } }));
  redisUrl = `redis://127.0.0.1:${proxy.port}`;
});
afterAll(async () => opened.disposeAsync());

const openStage = openStages();

tryCells("our Redis is down all the time", async (family) => {
  const { scene, begin } = await openStage(family);
  await scene.startBot({ redisUrl });
  using _down = proxy.down();
  const undertaking = await begin();
  await undertaking.finish();
  await undertaking.expectOnce();
});

tryCells("our Redis goes away in its midst", async (family) => {
  const { scene, begin, inItsMidst } = await openStage(family);
  await scene.startBot({ redisUrl });
  using away = new DisposableStack();
  const gone = inItsMidst(() => void away.use(proxy.down()));
  const undertaking = await begin();
  await undertaking.finish();
  await gone;
  await undertaking.expectOnce();
});

tryCells("our Redis is emptied in its midst", async (family) => {
  const { scene, begin, inItsMidst } = await openStage(family);
  await scene.startBot({ redisUrl });
  const emptied = inItsMidst(async () => {
    const client = new Redis(redis.url());
    await client.flushall();
    client.disconnect();
  });
  const undertaking = await begin();
  await undertaking.finish();
  await emptied;
  await undertaking.expectOnce();
});
