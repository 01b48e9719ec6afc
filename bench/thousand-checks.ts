import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { startHttpServer } from "../sandbox/http-server.ts";
import type { Bench, Round } from "./bench.ts";
import { openInstallation } from "./installation.ts";
import { startNodeProcess, type NodeProcess } from "./node-process.ts";

const CHECKS = 1_000;
const EVERY_SECONDS = 30;
const WATCHED_SECONDS = 60;
const TICKS_A_SECOND = 100;

export const thousandChecks: Bench = {
  name: "thousand-checks",
  summary: `${CHECKS} checks every ${EVERY_SECONDS} seconds, beside fetching as often and looking at nothing`,
  usualRounds: 2,
  async measure({ rounds, signal }) {
    await using opened = new AsyncDisposableStack();
    const asked = { ours: 0, beside: 0 };
    const watched = opened.use(
      await startHttpServer(async ({ url }) => {
        asked[url.includes("/bare/") ? "beside" : "ours"] += 1;
        return new Response("ok");
      }),
    );
    const checks = Object.fromEntries(
      Array.from({ length: CHECKS }, (_none, index) => [
        `answer-${index}-is-good`,
        { kind: "http", url: `${watched.url}/ours/${index}`, every: `${EVERY_SECONDS}s` },
      ]),
    );
    const installation = opened.use(await openInstallation({ signal, checks }));
    const flightdeck = opened.use(await installation.start());
    const bare = opened.use(
      await startNodeProcess({
        command: ["bench/bare-checks.ts"],
        environment: {
          PLACE: `${watched.url}/bare/`,
          CHECKS: String(CHECKS),
          EVERY_SECONDS: String(EVERY_SECONDS),
        },
        signal,
      }),
    );
    // Every check has been asked once, and what is loaded and connected only once is loaded and connected.
    while (asked.ours < CHECKS || asked.beside < CHECKS) await both(flightdeck, bare, 500);
    await both(flightdeck, bare, EVERY_SECONDS * 1_000);
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const before = { ours: await cpuSeconds(flightdeck.pid), beside: await cpuSeconds(bare.pid) };
      const askedBefore = asked.ours;
      await both(flightdeck, bare, WATCHED_SECONDS * 1_000);
      refuseTooFew(asked.ours - askedBefore);
      const share = (seconds: number): number => (100 * seconds) / WATCHED_SECONDS;
      measured.push({
        ours: share((await cpuSeconds(flightdeck.pid)) - before.ours),
        beside: share((await cpuSeconds(bare.pid)) - before.beside),
      });
    }
    return [
      {
        what: `${CHECKS} checks every ${EVERY_SECONDS} s`,
        unit: "% of a core",
        besideName: "as many fetches, nothing looked at",
        rounds: measured,
        goal: { of: "value", atMost: 50 },
      },
    ];
  },
};

async function both(flightdeck: NodeProcess, bare: NodeProcess, durationMs: number): Promise<void> {
  await flightdeck.during(bare.during(sleep(durationMs)));
}

/** Whoever does not keep up would look cheap. */
function refuseTooFew(asked: number): void {
  const expected = (CHECKS * WATCHED_SECONDS) / EVERY_SECONDS;
  if (asked < 0.9 * expected) throw new Error(`${asked} of ${expected} checks were asked in time.`);
}

/** What the process has had of the processors so far, by Linux's own account. */
async function cpuSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}
