import type { Finding } from "./invariants.ts";
import type { NemesisReport } from "./run.ts";

/** One line for what was done, one for each promise, and below it whatever contradicts it. */
export function reportText({ seed, lastedMs, recorded, findings }: NemesisReport): string {
  const { said, runs, effects, done, brokenConnections } = recorded;
  const count = (...kinds: readonly string[]): number =>
    done.filter(({ what }) => kinds.includes(what.kind)).length;
  const failed = done.filter(({ failure }) => failure !== undefined);
  const happened = effects.reduce((sum, effect) => sum + effect.count, 0);
  return [
    `seed ${seed} · ${Math.round(lastedMs / 1_000)} s · ${said.length} updates · ${runs.length} runs · ${happened} effects · ${done.length} faults: ${count("kill")} kills, ${count("stop")} stops, ${count("pause")} pauses, ${count("kill-database", "restart-database")} restarts of PostgreSQL, ${count("empty-redis", "restart-redis")} losses of Redis, ${brokenConnections} broken connections`,
    ...failed.map(({ what, failure }) => `  could not: ${what.kind}, because ${failure}`),
    ...findings.flatMap(lineOf),
    isSound(findings)
      ? "no violation"
      : `violated; npm run nemesis -- --seed ${seed} goes the same way`,
  ].join("\n");
}

export function isSound(findings: readonly Finding[]): boolean {
  return findings.every(({ violations }) => violations.length === 0);
}

function lineOf({ name, promise, looked, violations }: Finding): readonly string[] {
  const verdict = violations.length === 0 ? "holds" : `VIOLATED ${violations.length}×`;
  return [`${name} ${verdict} · ${promise} · ${looked}`, ...violations.map((one) => `    ${one}`)];
}
