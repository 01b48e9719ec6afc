import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { ChatMessage } from "../../sandbox/telegram/server.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { startRollout, type Rollout } from "./rollout.ts";
import { handOverOf, type HandOver } from "./rotation-person.ts";
import { approveByCode } from "./rotation.ts";

/** A bot that rotates, whose clock can be set on, and a person who can hand over what only a person makes. */
export type RotationBench = AsyncDisposable & {
  readonly rollout: Rollout;
  readonly handOver: HandOver;
  /** Lets so much time pass for the bot. */
  pass(ms: number): void;
  /** Says the first yes, by its code where the card wants one. */
  approve(card: ChatMessage): Promise<void>;
};

export async function startRotationBench(
  secret: string,
  options: { readonly tune?: (text: string) => string } = {},
): Promise<RotationBench> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await temporaryDirectory("world-secrets"));
  const path = join(folder.path, "seal.key");
  const sealKey = randomBytes(32).toString("base64");
  await writeFile(path, sealKey, { mode: 0o600 });
  let skewMs = 0;
  const rollout = opened.use(
    await startRollout({
      ...options,
      more: `sealKey: \${file:${path}}`,
      clock: (now) => new Date(now.getTime() + skewMs),
    }),
  );
  const handOver = opened.use(handOverOf(secret, { databaseUrl: rollout.databaseUrl, sealKey }));
  const kept = opened.move();
  return {
    rollout,
    handOver,
    pass: (ms) => void (skewMs += ms),
    async approve(card) {
      // Making this one ends the old one, so that the first yes is to something final.
      if (/rotate todoist-token\?/.test(card.text)) await approveByCode(rollout, card);
      else await rollout.tap("approver", card, "Approve");
    },
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}
