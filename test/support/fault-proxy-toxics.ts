import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import type { SeededRandom } from "./seeded-random.ts";

/** What each toxic needs to be told. */
export type ToxicOptions = {
  /** Everything is late, give or take the jitter; the order stays. */
  readonly latency: { readonly delayMs: number; readonly jitterMs?: number };
  readonly bandwidth: { readonly bytesPerSecond: number };
  /** That one side has closed is told late. */
  readonly "slow-close": { readonly delayMs: number };
  /** A black hole: nothing arrives. Closed after so long; left out, when the toxic is disposed. */
  readonly timeout: { readonly afterMs?: number };
  /** Resets the connection when something is said; after so long, if that is given. */
  readonly "reset-peer": { readonly afterMs?: number };
  /** In pieces of about so many bytes. */
  readonly slicer: { readonly bytes: number; readonly delayMs?: number };
  /** Closes the connection after so many bytes. */
  readonly "limit-data": { readonly bytes: number };
  /** The server has done as it was asked, and the client sees a reset in place of the answer. */
  readonly "cut-after-request": { readonly matching?: RegExp };
  /** What the client asked arrives once more, by a connection of its own whose answer nobody hears. */
  readonly duplicate: { readonly matching?: RegExp };
};

export type ToxicName = keyof ToxicOptions;

/** One toxic at work. */
export type Behaviour = {
  pass(bytes: Buffer, link: Link): AsyncIterable<Buffer>;
  readonly closesLateMs?: number;
  removed?(): void;
};

/** The way that bytes are on. */
type Link = {
  readonly to: { readonly port: number; readonly host?: string } | { readonly path: string };
  readonly random: SeededRandom;
  readonly signal: AbortSignal;
  readonly arrivedAt: number;
  /** What the client had asked, when these bytes begin the answer. */
  readonly request: Buffer | undefined;
  breakOff(how: "reset" | "close"): void;
};

/** Bandwidth is dealt out so often a second. */
const SHARES = 20;
const COPY_TIMEOUT_MS = 5_000;

export const behaviours: {
  readonly [Name in ToxicName]: (options: ToxicOptions[Name]) => Behaviour;
} = {
  latency: ({ delayMs, jitterMs = 0 }) => ({
    async *pass(bytes, { arrivedAt, random, signal }) {
      const dueAt = arrivedAt + delayMs + jitterMs * (2 * random.number() - 1);
      await sleep(Math.max(0, dueAt - performance.now()), undefined, { signal });
      yield bytes;
    },
  }),

  bandwidth: ({ bytesPerSecond }) => ({
    async *pass(bytes, { signal }) {
      for (const piece of slices(bytes, () => Math.max(1, Math.floor(bytesPerSecond / SHARES)))) {
        await sleep((piece.length / bytesPerSecond) * 1_000, undefined, { signal });
        yield piece;
      }
    },
  }),

  "slow-close": ({ delayMs }) => ({ pass: unchanged, closesLateMs: delayMs }),

  timeout: ({ afterMs }) => {
    // What has lost some of its bytes would be nonsense to whoever reads on.
    const starved = new Set<() => void>();
    return {
      pass: (_bytes, { signal, breakOff }) =>
        nothing(async () => {
          const close = (): void => breakOff("close");
          starved.add(close);
          signal.addEventListener("abort", () => starved.delete(close));
          if (afterMs === undefined) return;
          await sleep(afterMs, undefined, { signal });
          close();
        }),
      removed: () => {
        for (const close of starved) close();
      },
    };
  },

  "reset-peer": ({ afterMs = 0 }) => ({
    pass: (_bytes, { signal, breakOff }) =>
      nothing(async () => {
        await sleep(afterMs, undefined, { signal });
        breakOff("reset");
      }),
  }),

  slicer: ({ bytes: size, delayMs = 0 }) => ({
    async *pass(bytes, { random, signal }) {
      for (const piece of slices(bytes, () => random.whole(Math.ceil(size / 2), size * 2))) {
        yield piece;
        await sleep(delayMs, undefined, { signal });
      }
    },
  }),

  "limit-data": ({ bytes: most }) => {
    const passed = new WeakMap<AbortSignal, number>();
    return {
      async *pass(bytes, { signal, breakOff }) {
        const before = passed.get(signal) ?? 0;
        passed.set(signal, before + bytes.length);
        if (before < most) yield bytes.subarray(0, most - before);
        if (before + bytes.length >= most) breakOff("close");
      },
    };
  },

  "cut-after-request": ({ matching }) => ({
    async *pass(bytes, { request, breakOff }) {
      if (isMeant(request, matching)) return breakOff("reset");
      yield bytes;
    },
  }),

  duplicate: ({ matching }) => ({
    async *pass(bytes, { request, to }) {
      if (request !== undefined && isMeant(request, matching)) sendAgain(request, to);
      yield bytes;
    },
  }),
};

async function* unchanged(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** Lets no byte through, and does something else in their place. */
async function* nothing(work: () => Promise<void>): AsyncGenerator<Buffer> {
  await work();
  yield* [];
}

function* slices(bytes: Buffer, size: () => number): Generator<Buffer> {
  for (let from = 0; from < bytes.length;) {
    const to = from + size();
    yield bytes.subarray(from, to);
    from = to;
  }
}

function isMeant(request: Buffer | undefined, matching: RegExp | undefined): boolean {
  if (request === undefined) return false;
  return matching === undefined || matching.test(request.toString("latin1"));
}

function sendAgain(request: Buffer, to: Link["to"]): void {
  const socket = connect({ ...to });
  socket.on("error", () => socket.destroy());
  // It was heard when it is answered.
  socket.on("data", () => socket.destroy());
  socket.setTimeout(COPY_TIMEOUT_MS, () => socket.destroy());
  socket.write(request);
}
