import type { Secret } from "../core/secret.ts";
import { throughRedis } from "./redis.ts";
import { SystemError } from "./system-error.ts";

type ReturnOrder = {
  /** Of a user that may do no more than this: see `RETURN`. */
  readonly url: Secret;
  /** The list in which the letter lies, and the one that the worker reads. */
  readonly from: string;
  readonly to: string;
  /** The letter as it lies there, byte for byte, and the job as it is to be tried. */
  readonly letter: string;
  readonly job: string;
  /** Names this very return for ever; under it Redis remembers that it was done. */
  readonly mark: string;
};

/** Puts a job that was given up back to where its worker finds it. */
export type JobReturn = {
  /** All of it or nothing, and once for a mark however often it is asked. `gone`: somebody else took the letter. */
  give(order: ReturnOrder, signal: AbortSignal): Promise<"given" | "gone">;
  /** Whether a return under this mark was done. */
  wasGiven(order: Pick<ReturnOrder, "url" | "mark">, signal: AbortSignal): Promise<boolean>;
};

const MARKS = "flightdeck:returned:";
/** Longer than any run is resumed after. */
const MARK_KEPT_S = 7 * 24 * 60 * 60;

/**
 * A script is not undone when it fails in the middle, so whatever could fail is tried before anything is taken: the
 * type of the queue, the rights of the user where Redis is new enough to be asked, and the memory, which only the first
 * writing command is refused for. The user needs `+eval +exists +llen +set +del +lrem +rpush` on these three keys.
 */
const RETURN = `
  if redis.call('exists', KEYS[3]) == 1 then return 'given' end
  redis.call('llen', KEYS[2])
  if redis.acl_check_cmd then
    local allowed = redis.acl_check_cmd('lrem', KEYS[1], '-1', '')
      and redis.acl_check_cmd('rpush', KEYS[2], '') and redis.acl_check_cmd('del', KEYS[3])
    if not allowed then return redis.error_reply('NOPERM this user may not move a job') end
  end
  redis.call('set', KEYS[3], '1', 'EX', ARGV[3])
  if redis.call('lrem', KEYS[1], -1, ARGV[1]) == 0 then
    redis.call('del', KEYS[3])
    return 'gone'
  end
  redis.call('rpush', KEYS[2], ARGV[2])
  return 'given'
`;

export function createJobReturn(): JobReturn {
  return {
    async give({ url, from, to, letter, job, mark }, signal) {
      const keys = [from, to, `${MARKS}${mark}`];
      const outcome = await throughRedis(url, "return a job in", signal, async (client) =>
        client.eval(RETURN, keys.length, ...keys, letter, job, MARK_KEPT_S),
      );
      if (outcome === "given" || outcome === "gone") return outcome;
      throw new SystemError("redis", "malformed", "Redis did not say what became of the job");
    },
    wasGiven: async ({ url, mark }, signal) =>
      (await throughRedis(url, "look for a returned job in", signal, async (client) =>
        client.exists(`${MARKS}${mark}`),
      )) === 1,
  };
}
