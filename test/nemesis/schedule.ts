import type { FaultName } from "../../sandbox/faults.ts";
import { seededRandom, type SeededRandom } from "../support/seeded-random.ts";
import { approvers, operators, type Name } from "./cast.ts";

/** What somebody does in the chat. */
export type Deed =
  | { readonly kind: "say"; readonly who: Name; readonly line: string }
  /** It waited out an outage on a phone, and was meant for a world that is gone. */
  | { readonly kind: "say-late"; readonly who: Name; readonly line: string }
  /** Telegram brings it again, so many times. */
  | {
      readonly kind: "say-again";
      readonly who: Name;
      readonly line: string;
      readonly copies: number;
    }
  /** Something harmless becomes a command by an edit. */
  | { readonly kind: "edit"; readonly who: Name; readonly line: string }
  /** A tap with data that no button of ours has. */
  | { readonly kind: "forge"; readonly who: Name; readonly data: string }
  /** About the newest run, or the newest alert, whichever they are by then. */
  | { readonly kind: "of-newest"; readonly who: Name; readonly command: OfNewest };

type OfNewest = "cancel" | "runs" | "ack" | "silence" | "unsilence";

/** How a question is answered, in the order in which questions come up. */
export type Reply = {
  readonly afterMs: number;
  readonly how: "yes" | "no" | "yes-by-two" | "own-yes" | "withdraw" | "nobody";
  readonly who: (typeof approvers)[number];
};

export type Line = "database" | "redis" | "telegram" | "coolify";

/** What goes wrong, and for how long. */
export type Mischief = { readonly lastsMs: number } & (
  | { readonly kind: "kill" | "stop" | "pause"; readonly replica: 0 | 1 }
  | { readonly kind: "down" | "cut"; readonly line: Line }
  | {
      readonly kind: "latency";
      readonly line: Line;
      readonly delayMs: number;
      readonly jitterMs: number;
    }
  | {
      readonly kind: "black-hole" | "slicer" | "reset-peer";
      readonly line: Line;
      readonly probability: number;
    }
  | { readonly kind: "bandwidth"; readonly line: Line; readonly bytesPerSecond: number }
  | {
      readonly kind: "limit-data";
      readonly line: Line;
      readonly bytes: number;
      readonly probability: number;
    }
  /** It was done, and whoever asked for it sees a reset: a commit, a message, a deployment. */
  | { readonly kind: "cut-after-request"; readonly line: Line; readonly probability: number }
  | {
      readonly kind:
        | "empty-redis"
        | "restart-redis"
        | "kill-database"
        | "restart-database"
        | "full-disk";
    }
  | {
      readonly kind: "telegram";
      readonly fault: "rate-limit" | "server-error" | "lost-answer" | "hang";
    }
  | {
      readonly kind: "mark";
      readonly mode: "accepts-then-500" | "accepts-then-resets" | "refuses" | "cannot-be-asked";
    }
  | { readonly kind: "world"; readonly fault: FaultName }
);

export type Timed<What> = { readonly atMs: number; readonly what: What };

export type Schedule = {
  readonly deeds: readonly Timed<Deed>[];
  readonly mischief: readonly Timed<Mischief>[];
  readonly replies: readonly Reply[];
};

/** Everything that people do and everything that goes wrong; the same for the same seed and time, to the millisecond. */
export function scheduleOf(seed: number, lastsMs: number): Schedule {
  const random = seededRandom(seed);
  return {
    deeds: [
      // One of each that matters most, so that even a short run has what there is to be right about.
      ...FIRST.map((what, index) => ({ atMs: 500 + index * 400, what })),
      ...timed(random.branch("deeds"), lastsMs, DEED_EVERY_MS, deed),
    ].toSorted((one, other) => one.atMs - other.atMs),
    // There is quiet at the beginning, in which a world with everything in it comes to its feet.
    mischief: timed(
      random.branch("mischief"),
      lastsMs - QUIET_FIRST_MS,
      MISCHIEF_EVERY_MS,
      mischief,
    ).map(({ atMs, what }) => ({ atMs: atMs + QUIET_FIRST_MS, what })),
    replies: Array.from({ length: REPLIES }, () => reply(random)),
  };
}

const DEED_EVERY_MS = 1_600;
const MISCHIEF_EVERY_MS = 4_000;
const QUIET_FIRST_MS = 4_000;
const REPLIES = 400;

const FIRST: readonly Deed[] = [
  { kind: "say", who: "Otto", line: "/mark" },
  { kind: "say", who: "Sid", line: "/mark" },
  { kind: "say-again", who: "Olga", line: "/preflight api-is-live", copies: 3 },
  { kind: "say", who: "Oskar", line: "/change" },
];

function timed<What>(
  random: SeededRandom,
  lastsMs: number,
  everyMs: number,
  make: (random: SeededRandom) => What,
): readonly Timed<What>[] {
  const all: Timed<What>[] = [];
  for (let atMs = everyMs; ;) {
    // Neither a beat nor a heap: between a fifth and almost twice of what is usual.
    atMs += Math.round(everyMs * (0.2 + 1.6 * random.number()));
    if (atMs >= lastsMs) return all;
    all.push({ atMs, what: make(random) });
  }
}

/** Said as often as it stands here. What changes the target comes one at a time, so it is not the most frequent. */
const LINES: readonly string[] = weighted({
  "/mark": 12,
  "/change": 8,
  "/preflight api-is-live": 8,
  "/preflight": 3,
  "/smoke": 6,
  "/backup": 3,
  "/drill": 2,
  "/restart worker": 3,
  "/requeue": 3,
  "/rollback": 1,
  "/deploy": 2,
  "/webhook": 1,
  "/webhook set": 1,
  "/status": 4,
  "/runs": 3,
  "/evidence": 3,
  "/evidence verify": 2,
  "/alerts": 3,
  "/schedule": 1,
  "/secrets": 1,
  "/logs worker": 1,
  "/checklist daily": 1,
  "/backup list": 1,
  "/rotate": 1,
  "/whoami": 1,
  "/help": 1,
  "/calls": 1,
  "/prefligth": 1,
  "/decide R-1 retry": 1,
});

const FORGED = [
  "",
  "c:mark",
  "c:deploy",
  "c:answer AAAA",
  "c:answer not-a-token",
  "zzz",
  "c:decide R-1 happened 1",
];

function deed(random: SeededRandom): Deed {
  const line = random.pick(LINES);
  const who: Name = random.pick([...operators, ...operators, ...approvers]);
  const dice = random.number();
  if (dice < 0.66) return { kind: "say", who, line };
  if (dice < 0.72) return { kind: "say", who: "Vera", line };
  if (dice < 0.77) return { kind: "say", who: "Sid", line };
  if (dice < 0.81) return { kind: "say-late", who, line };
  if (dice < 0.87) return { kind: "say-again", who, line, copies: random.whole(1, 4) };
  if (dice < 0.89) return { kind: "edit", who, line };
  if (dice < 0.92)
    return { kind: "forge", who: random.pick([who, "Sid"]), data: random.pick(FORGED) };
  const command = random.pick([
    "cancel",
    "cancel",
    "runs",
    "ack",
    "ack",
    "silence",
    "unsilence",
  ] as const);
  return { kind: "of-newest", who, command };
}

function reply(random: SeededRandom): Reply {
  return {
    afterMs: random.whole(200, 4_000),
    how: random.pick([
      "yes",
      "yes",
      "yes",
      "yes",
      "yes-by-two",
      "yes-by-two",
      "own-yes",
      "no",
      "withdraw",
      "nobody",
    ]),
    who: random.pick(approvers),
  };
}

const WORLD_FAULTS: readonly FaultName[] = [
  "xai-key-revoked",
  "xai-hangs",
  "xai-answers-500",
  "api-hangs",
  "api-answers-500",
  "database-down",
  "database-frozen",
  "redis-down",
  "redis-frozen",
  "queue-backlog",
  "dead-letters-grow",
  "dead-letters-grow",
];

function mischief(random: SeededRandom): Mischief {
  const line = random.pick(["database", "redis", "telegram", "telegram", "coolify"] as const);
  const replica = random.pick([0, 1] as const);
  const lastsMs = random.whole(800, 7_000);
  const probability = random.pick([0.3, 0.6, 1]);
  const make = random.pick(
    weightedList<() => Mischief>([
      [14, () => ({ kind: "kill", replica, lastsMs: random.whole(100, 3_000) })],
      [4, () => ({ kind: "pause", replica, lastsMs: random.whole(1_000, 12_000) })],
      [3, () => ({ kind: "stop", replica, lastsMs: random.whole(100, 3_000) })],
      [4, () => ({ kind: "down", line, lastsMs })],
      [5, () => ({ kind: "cut", line, lastsMs: 0 })],
      [
        4,
        () => ({
          kind: "latency",
          line,
          lastsMs,
          delayMs: random.whole(50, 800),
          jitterMs: random.whole(0, 50),
        }),
      ],
      [3, () => ({ kind: "black-hole", line, lastsMs, probability })],
      [2, () => ({ kind: "slicer", line, lastsMs, probability })],
      [2, () => ({ kind: "reset-peer", line, lastsMs, probability })],
      [
        1,
        () => ({ kind: "bandwidth", line, lastsMs, bytesPerSecond: random.whole(4_000, 40_000) }),
      ],
      [
        2,
        () => ({ kind: "limit-data", line, lastsMs, bytes: random.whole(200, 6_000), probability }),
      ],
      [8, () => ({ kind: "cut-after-request", line, lastsMs, probability })],
      [4, () => ({ kind: "empty-redis", lastsMs: 0 })],
      [2, () => ({ kind: "restart-redis", lastsMs })],
      [2, () => ({ kind: "restart-database", lastsMs: random.whole(200, 4_000) })],
      [2, () => ({ kind: "kill-database", lastsMs: random.whole(200, 4_000) })],
      [2, () => ({ kind: "full-disk", lastsMs })],
      [2, () => ({ kind: "telegram", lastsMs, fault: "rate-limit" })],
      [2, () => ({ kind: "telegram", lastsMs, fault: "server-error" })],
      [3, () => ({ kind: "telegram", lastsMs, fault: "lost-answer" })],
      [1, () => ({ kind: "telegram", lastsMs, fault: "hang" })],
      [
        6,
        () => ({
          kind: "mark",
          lastsMs: random.whole(3_000, 9_000),
          mode: random.pick([
            "accepts-then-500",
            "accepts-then-resets",
            "refuses",
            "cannot-be-asked",
          ]),
        }),
      ],
      [
        9,
        () => ({
          kind: "world",
          lastsMs: random.whole(3_000, 30_000),
          fault: random.pick(WORLD_FAULTS),
        }),
      ],
    ]),
  );
  return make();
}

function weighted(weights: Readonly<Record<string, number>>): readonly string[] {
  return weightedList(Object.entries(weights).map(([name, weight]) => [weight, name] as const));
}

function weightedList<Item>(weights: readonly (readonly [number, Item])[]): readonly Item[] {
  return weights.flatMap(([weight, item]) => Array.from({ length: weight }, () => item));
}
