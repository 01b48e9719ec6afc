import { formatDuration } from "../../core/duration.ts";
import { pause } from "../../core/waiting.ts";
import { patiently } from "./rotation-deeds.ts";
import type { Deed } from "./rotation-procedure.ts";

const EVERY_MS = 15_000;
/** So many bad looks in a row, and it is bad. */
const BAD_LOOKS = 2;
const SLACK_MS = 2 * 60_000;
const EACH_LOOK_MS = 60_000;

/** Something has to stay good for a while; one bad look is a blip, several in a row are not. */
export function stayGoodDeed(of: {
  readonly name: string;
  readonly lastsMs: number;
  readonly everyMs?: number;
  /** What is bad now; undefined when nothing is. */
  problem(signal: AbortSignal): Promise<string | undefined>;
}): Deed {
  const { name, lastsMs, everyMs = EVERY_MS } = of;
  const look = async (signal: AbortSignal) =>
    patiently(of.problem.bind(of), signal, { eachMs: EACH_LOOK_MS });
  return {
    name,
    readsOnly: true,
    timeoutMs: lastsMs + SLACK_MS,
    probe: async ({ signal }) => ((await look(signal)) === undefined ? "holds" : "absent"),
    async apply({ signal }) {
      const over = AbortSignal.timeout(lastsMs);
      for (let bad = 0; ;) {
        const problem = await look(signal);
        bad = problem === undefined ? 0 : bad + 1;
        if (bad >= BAD_LOOKS) throw new Error(`${name}: ${problem}`);
        signal.throwIfAborted();
        if (over.aborted && bad === 0) return { watched: formatDuration(lastsMs) };
        await pause(
          Math.min(everyMs, lastsMs),
          bad === 0 ? AbortSignal.any([signal, over]) : signal,
        );
      }
    },
  };
}
