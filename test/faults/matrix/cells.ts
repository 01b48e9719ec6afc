import { families, type Family } from "./families.ts";

/** What must hold when a fault meets a family, and which test would fail if it did not. */
export type Cell =
  /** A test of another suite, by its file and its title as they stand there. */
  | { readonly kind: "held"; readonly holds: string; readonly by: readonly NamedTest[] }
  /** Tried in this folder, under the fault's name as `<family>: <holds>`. */
  | { readonly kind: "tried"; readonly holds: string }
  | { readonly kind: "does not apply"; readonly because: string };

export type NamedTest = { readonly file: string; readonly title: string };

export type Row = {
  readonly fault: string;
  readonly cells: Readonly<Record<Family, Cell>>;
};

const test = (file: string, title: string): NamedTest => ({ file, title });
const held = (holds: string, ...by: readonly NamedTest[]): Cell => ({ kind: "held", holds, by });
const tried = (holds: string): Cell => ({ kind: "tried", holds });
const none = (because: string): Cell => ({ kind: "does not apply", because });

function all(cell: Cell): Row["cells"] {
  return Object.fromEntries(families.map((family) => [family, cell])) as Row["cells"];
}

const once = tried("done once, told once");

const faults = "test/faults";
const whole = "test/integration";
const killed = {
  read: test(`${faults}/killed.test.ts`, "at %s: one answer, one outcome"),
  smoke: test(`${faults}/smoke-killed.test.ts`, "at %s: each effect once, and GO"),
  backup: test(
    `${faults}/backup-killed.test.ts`,
    "at %s: the next one goes on, and there is one whole backup and nothing else",
  ),
  rotate: test(
    `${faults}/rotation-killed.test.ts`,
    "$name becomes one new secret all the same, whose old one is dead, and nothing of its use is lost",
  ),
  deploy: test(
    `${faults}/deploy-killed.test.ts`,
    "at %s: the release is in place, and everything was done once, by one yes",
  ),
  rollback: test(
    `${faults}/rollback-killed.test.ts`,
    "at %s: both applications go back, each by one deployment, by one yes",
  ),
  told: test(
    `${faults}/alerts-killed.test.ts`,
    "at %s #%i: nothing is lost, and what comes twice says so",
  ),
  alert: test(`${faults}/watch-killed.test.ts`, "at %s: it is told once, and its end is told once"),
};
const doneOnceBy = {
  smoke: held("each effect once, and GO", killed.smoke),
  backup: held("one whole backup, and nothing else", killed.backup),
  rotate: held("one new secret, and nobody is refused on the way", killed.rotate),
  deploy: held("everything once, by one yes", killed.deploy),
  rollback: held("one deployment of each, by one yes", killed.rollback),
} as const;

const sight = held(
  "seen by the checks that are there for it, and by no other",
  test(`${whole}/checks-in-the-sandbox.test.ts`, "%s"),
);
const alarm = held(
  "exactly the alerts that it should raise, and healing ends them",
  test(`${whole}/watch.test.ts`, "%s"),
);
const readsOnly = none("it asks Coolify to do nothing");
const notFromCoolify = none("a backup asks nothing of Coolify");
const rollbackBy = (title: string, holds: string): Cell =>
  held(holds, test(`${whole}/rollback.test.ts`, title));
const rollbackAdopts = rollbackBy(
  "by %s never does it twice, and is believed by what is there",
  "one deployment of each, adopted by what is there",
);
const rollbackFails = rollbackBy(
  "by %s fails, is not tried again, and says where production stands",
  "fails once, and says where production stands",
);
const deployFails = held(
  "breaks off, asked for once, and says where production stands",
  test(`${whole}/deploy-failures.test.ts`, "$what"),
);
const outage = test(
  `${whole}/telegram-outage.test.ts`,
  "what fired, what is over and what is open waits for one card, and the cards follow",
);
const told = held("waits for one card that tells all of it", outage);
const notTapped = none("nobody has to tap anything");
const noCommand = none("no update asks for an alert");
const notScheduled = none("no calendar decides when it runs");

export const rows = [
  {
    fault: "killed while its update is being stored",
    cells: { ...all(tried("the update comes again; done once, told once")), alerts: noCommand },
  },
  {
    fault: "killed after its update was stored",
    cells: { ...all(once), alerts: noCommand },
  },
  {
    fault: "killed between intent and act",
    cells: {
      reading: doneOnceBy.smoke,
      backup: doneOnceBy.backup,
      rotate: doneOnceBy.rotate,
      deploy: doneOnceBy.deploy,
      rollback: doneOnceBy.rollback,
      alerts: held("told, and what comes twice says so", killed.told),
    },
  },
  {
    fault: "killed between act and record",
    cells: {
      reading: doneOnceBy.smoke,
      backup: doneOnceBy.backup,
      rotate: doneOnceBy.rotate,
      deploy: doneOnceBy.deploy,
      rollback: doneOnceBy.rollback,
      alerts: held("told, and what comes twice says so", killed.told),
    },
  },
  {
    fault: "killed between record and word",
    cells: {
      reading: held("one answer, one outcome", killed.read, killed.smoke),
      backup: doneOnceBy.backup,
      rotate: doneOnceBy.rotate,
      deploy: doneOnceBy.deploy,
      rollback: doneOnceBy.rollback,
      alerts: held("told once, and its end once", killed.alert),
    },
  },
  {
    fault: "killed between sending a message and noting it",
    cells: {
      ...all(tried("done once; the message comes twice at most, and then says so")),
      reading: held("one answer, or a second one that says so", killed.read),
      alerts: held("told, and what comes twice says so", killed.told),
    },
  },
  {
    fault: "paused in its midst until another process has taken over",
    cells: {
      ...all(tried("fenced when it wakes up: done once, told once")),
      rollback: held(
        "one deployment of each",
        test(
          `${faults}/rollback-killed.test.ts`,
          "a paused one that comes back does nothing more: one deployment of each",
        ),
      ),
    },
  },
  {
    fault: "told to stop in its midst (SIGTERM)",
    cells: { ...all(tried("handed over, done once, told once")) },
  },
  { fault: "two processes side by side", cells: all(once) },
  { fault: "the one of two processes that leads stops in its midst", cells: all(once) },

  { fault: "our Redis is down all the time", cells: all(once) },
  { fault: "our Redis goes away in its midst", cells: all(once) },
  { fault: "our Redis is emptied in its midst", cells: all(once) },
  { fault: "our PostgreSQL goes away in its midst", cells: all(once) },
  { fault: "connections to our PostgreSQL are reset again and again", cells: all(once) },
  {
    fault: "our PostgreSQL commits, and its answer is lost",
    cells: all(tried("read again before it is repeated: done once, told once")),
  },

  { fault: "Telegram asks to wait (429)", cells: { ...all(once), alerts: told } },
  { fault: "Telegram answers 500", cells: { ...all(once), alerts: told } },
  { fault: "Telegram says nothing", cells: all(once) },
  {
    fault: "Telegram does as told, and its answer is lost",
    cells: all(tried("done once; the message comes twice at most, and then says so")),
  },
  {
    fault: "Telegram takes offence at the words of a message (400)",
    cells: all(tried("said without manners, done once, told once")),
  },
  {
    fault: "the bot is thrown out of the group for a while (403)",
    cells: { ...all(tried("done once, told once it is back")), alerts: told },
  },
  {
    fault: "the group goes on under another id",
    cells: all(tried("followed there, where its card comes anew: done once, told once")),
  },
  {
    fault: "taps are answered too late",
    cells: {
      ...all(tried("the yes counts, once")),
      reading: notTapped,
      backup: notTapped,
      alerts: notTapped,
    },
  },
  {
    fault: "updates come five times, and late ones first",
    cells: { ...all(once), alerts: noCommand },
  },
  {
    fault: "six hours of outage, and a long queue of updates",
    cells: {
      ...all(tried("none of them is run, everybody is told, and a fresh one is run once")),
      alerts: held(
        "the watch goes on, and what fired is one card",
        test(
          `${faults}/watch-alone.test.ts`,
          "its last leader goes on watching, says so, and says what sounds",
        ),
        outage,
      ),
    },
  },

  {
    fault: "Coolify is down",
    cells: {
      reading: sight,
      backup: tried("saved, for a backup asks nothing of Coolify"),
      rotate: tried("nothing is done, and that is said"),
      deploy: tried("nothing is done, and that is said"),
      rollback: rollbackBy("when Coolify cannot be asked: %s", "nothing is done, and that is said"),
      alerts: alarm,
    },
  },
  {
    fault: "Coolify takes seconds for every answer",
    cells: {
      reading: sight,
      backup: notFromCoolify,
      rotate: once,
      deploy: once,
      rollback: rollbackAdopts,
      alerts: alarm,
    },
  },
  {
    fault: "Coolify does not know our tokens any more (401)",
    cells: {
      reading: sight,
      backup: notFromCoolify,
      rotate: tried("nothing is done, and that is said"),
      deploy: tried("nothing is done, and that is said"),
      rollback: rollbackBy("when Coolify cannot be asked: %s", "nothing is done, and that is said"),
      alerts: alarm,
    },
  },
  {
    fault: "Coolify is asked too often (429)",
    cells: {
      reading: sight,
      backup: notFromCoolify,
      rotate: tried("nothing is done, and that is said"),
      deploy: tried("nothing is done, and that is said"),
      rollback: rollbackBy(
        "by %s, so that nobody can look again at what the yes rests on, has nothing done",
        "nothing is done, and that is said",
      ),
      alerts: alarm,
    },
  },
  {
    fault: "Coolify is asked too often (429) for a while in its midst",
    cells: {
      reading: sight,
      backup: notFromCoolify,
      rotate: once,
      deploy: once,
      rollback: once,
      alerts: alarm,
    },
  },
  {
    fault: "Coolify does as told, and answers 500",
    cells: {
      reading: readsOnly,
      backup: notFromCoolify,
      rotate: once,
      deploy: once,
      rollback: rollbackAdopts,
      alerts: readsOnly,
    },
  },
  {
    fault: "Coolify does as told, and its answers are cut off",
    cells: {
      reading: readsOnly,
      backup: notFromCoolify,
      rotate: once,
      deploy: once,
      rollback: rollbackAdopts,
      alerts: readsOnly,
    },
  },
  {
    fault: "a deployment does not end",
    cells: {
      reading: readsOnly,
      backup: notFromCoolify,
      rotate: held(
        "led back when somebody cancels it",
        test(
          `${whole}/rotate-tokens.test.ts`,
          "is led back when somebody cancels in the middle, to what it was",
        ),
      ),
      deploy: deployFails,
      rollback: rollbackBy(
        "by a deployment that hangs is taken over: it is cancelled, and then both go back",
        "it is cancelled, and then both go back",
      ),
      alerts: readsOnly,
    },
  },
  {
    fault: "a deployment vanishes",
    cells: {
      reading: readsOnly,
      backup: notFromCoolify,
      rotate: tried("led back, and that is said"),
      deploy: deployFails,
      rollback: rollbackFails,
      alerts: readsOnly,
    },
  },
  {
    fault: "a deployment fails",
    cells: {
      reading: readsOnly,
      backup: notFromCoolify,
      rotate: held(
        "stays what it was, and whoever uses it notices nothing",
        test(
          `${whole}/rotation-troubles.test.ts`,
          "$name: whoever uses it notices nothing, and the old one is in force again",
        ),
      ),
      deploy: deployFails,
      rollback: rollbackFails,
      alerts: readsOnly,
    },
  },
  {
    fault: "somebody else deploys at the same time",
    cells: {
      reading: readsOnly,
      backup: notFromCoolify,
      rotate: once,
      deploy: deployFails,
      rollback: rollbackFails,
      alerts: readsOnly,
    },
  },

  {
    fault: "our disk is full",
    cells: {
      ...all(tried("done once, told once; the file of the log is whole when there is room")),
      backup: held(
        "told as that, and what had been written is gone",
        test(
          `${whole}/backup-pipeline.test.ts`,
          "is told as that, and what had been written is gone",
        ),
        test(
          `${whole}/drill-faults.test.ts`,
          "fails the restore that fills it, and leaves nothing",
        ),
      ),
    },
  },
  { fault: "the machine's clock is an hour ahead", cells: all(once) },
  { fault: "the machine's clock is an hour behind", cells: all(once) },
  {
    fault: "the database's clock jumps ahead by an hour in its midst",
    cells: {
      ...all(once),
      alerts: tried("told, and so is its end; whom it calls next by that clock it calls once"),
    },
  },
  {
    fault: "the database's clock jumps back by an hour in its midst",
    cells: all(once),
  },
  {
    fault: "the night in which the clocks change",
    cells: {
      reading: held(
        "runs once",
        test(`${whole}/schedules.test.ts`, "comes once in the night in which %s"),
        test("src/jobs/schedule/schedule-calendar.test.ts", "when the clocks change"),
      ),
      backup: held(
        "runs once, and what was missed is caught up once",
        test(`${whole}/schedules.test.ts`, "comes once in the night in which %s"),
        test(
          `${whole}/schedules.test.ts`,
          "the newest slot is caught up, once, and what lay before is recorded but no news",
        ),
      ),
      rotate: notScheduled,
      deploy: notScheduled,
      rollback: notScheduled,
      alerts: held(
        "whoever is on call hands over once",
        test("src/core/on-call.test.ts", "hands over once in the night that has its hour twice"),
        test("src/core/on-call.test.ts", "hands over once in the night that leaves its hour out"),
      ),
    },
  },

  {
    fault: "there is more to say than a message holds",
    cells: {
      reading: held(
        "comes as a file, whole",
        test(
          `${whole}/first-flight.test.ts`,
          "of more than a message holds comes as a file, whole",
        ),
        test("src/bot/render.test.ts", "ends after a whole line, says so, and is whole beside it"),
      ),
      backup: held(
        "fits a phone",
        test("src/jobs/backup/backup-card.test.ts", "of a run that is %s fits a phone"),
      ),
      rotate: held(
        "fits a phone",
        test("src/core/change-card.test.ts", "no state of it takes more than twelve lines"),
      ),
      deploy: held(
        "fits a phone, and its log comes as a file",
        test("src/core/change-card.test.ts", "no state of it takes more than twelve lines"),
        test(
          `${whole}/coolify-deployment-log.test.ts`,
          "a deployment's log comes to the chat, the whole of it as a file, and none of the product's secrets",
        ),
      ),
      rollback: held(
        "fits a phone, and what decides stands lowest",
        test("src/core/change-card.test.ts", "no state of it takes more than twelve lines"),
        test("src/core/change-card.test.ts", "what decides stands lowest"),
      ),
      alerts: held(
        "twelve lines at most, and the details come as a file",
        test("src/core/alert-card.test.ts", "has twelve lines at most, whatever comes together"),
        test("src/core/roundup-card.test.ts", "stays within twelve lines"),
      ),
    },
  },
  {
    fault: "hundreds of alerts at once",
    cells: {
      ...all(once),
      reading: held(
        "whoever asks does not wait",
        test(
          `${whole}/storm-numbers.test.ts`,
          "are all kept, told within what the group bears, and keep nobody who asks waiting",
        ),
      ),
      alerts: held(
        "all kept, one card with exact counts, one word that rings",
        test(
          `${whole}/storm-numbers.test.ts`,
          "are all kept, told within what the group bears, and keep nobody who asks waiting",
        ),
        test(
          `${whole}/storm.test.ts`,
          "are one card with exact counts, pages first, and one word that rings",
        ),
      ),
    },
  },
  {
    fault: "a check that changes its mind every second",
    cells: {
      ...all(none("it asks anew, and believes what it sees then")),
      alerts: held(
        "one word, one card and a count",
        test(
          "src/core/alert.test.ts",
          "for an hour at once a second is one word, one card and a count",
        ),
      ),
    },
  },
  {
    fault: "its part of the configuration is wrong",
    cells: all(tried("nothing starts, and every mistake is said with its line")),
  },
] as const satisfies readonly Row[];

/** The name of every row. */
export type Fault = (typeof rows)[number]["fault"];

export function rowOf(fault: Fault): Row {
  const row = rows.find((one) => one.fault === fault);
  if (row === undefined) throw new Error(`The matrix has no row "${fault}".`);
  return row;
}

/** What a test of this folder is called, under the name of its fault. */
export function titleOf(family: Family, cell: Cell): string {
  return "holds" in cell ? `${family}: ${cell.holds}` : family;
}
