import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

const FIRST = 20_000;
const LAST = 32_000;
/** Every process looks in a stretch of its own, so that two of them rarely find the same port at the same time. */
const STRETCH = 200;

const given = new Set<number>();

/**
 * A free port for a server that takes a second to get ready, and that must find it free again after a stop. It lies
 * below the range from which the system hands out ports to everybody who asks for any, and is not given again soon.
 */
export async function quietPort(): Promise<number> {
  const first = FIRST + (process.pid % ((LAST - FIRST) / STRETCH)) * STRETCH;
  // By now most of those that were given first are free again.
  if (given.size > STRETCH / 2) given.clear();
  for (let attempt = 0; attempt < STRETCH; attempt += 1) {
    const port = randomInt(first, first + STRETCH);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port between ${first} and ${first + STRETCH} of 127.0.0.1 was free`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
