import { z } from "zod";

import { line, type Card, type CardPart } from "../../core/card.ts";
import type { Json } from "../../core/json.ts";
import { age, clockTime } from "../../core/moment.ts";
import {
  earlierReleases,
  isKnownGood,
  lessonWords,
  RELEASE_LESSONS,
  runningCommit,
  shortCommit,
  typedCommit,
} from "../../core/release.ts";
import { runName } from "../../core/run-name.ts";
import { shortened } from "../../core/visible-text.ts";
import { defineOperation, type Operation, type RunView } from "../operation.ts";
import {
  APPLICATION_ROLES,
  deployedApplications,
  metInSight,
  seeReleases,
  type ReleaseParts,
} from "./release-sight.ts";

const STEP = "what ran here is looked at";
const LOOK_TIMEOUT_MS = 60_000;
const SHOWN = 5;
const REASON_LIMIT = 300;

const listSchema = z.object({
  running: z.array(
    z.object({
      role: z.enum(APPLICATION_ROLES),
      commit: z.string().nullable(),
      isChanging: z.boolean(),
    }),
  ),
  releases: z.array(
    z.object({
      commit: z.string(),
      deployedAt: z.coerce.date().nullable(),
      rebuilds: z.array(z.string()),
      lesson: z.object({ lesson: z.enum(RELEASE_LESSONS), metAt: z.coerce.date() }).nullable(),
    }),
  ),
});
type ReleaseList = z.output<typeof listSchema>;

/** Shows what one could go back to, the best first; a tap on one asks for it. */
export function createReleaseList(parts: ReleaseParts): Operation {
  return defineOperation({
    name: "releases",
    summary: "the releases that one could go back to",
    effect: "read",
    input: z.strictObject({}),
    steps: () => [
      {
        kind: "look",
        name: STEP,
        timeoutMs: LOOK_TIMEOUT_MS,
        async look({ signal }) {
          const sight = await seeReleases(parts, signal);
          const releases = earlierReleases(deployedApplications(sight), metInSight(sight));
          const list: ReleaseList = {
            running: sight.applications.map((application) => ({
              role: application.role,
              commit: runningCommit(application) ?? null,
              isChanging: application.active.length > 0,
            })),
            releases: releases.slice(0, SHOWN).map(({ commit, deployedAt, rebuilds, lesson }) => ({
              commit,
              deployedAt: deployedAt ?? null,
              rebuilds: [...rebuilds],
              lesson: lesson ?? null,
            })),
          };
          return JSON.parse(JSON.stringify(list)) as Json;
        },
      },
    ],
    conclude(_input, results) {
      const { releases } = listSchema.parse(results[STEP]);
      const good = releases.filter((one) => isKnownGood({ lesson: one.lesson ?? undefined }));
      return {
        verdict: `${good.length} known good`,
        facts: { releases: releases.map(({ commit }) => shortCommit(commit)).join(" ") },
      };
    },
    card: releaseListCard,
    details: () => [],
  });
}

function releaseListCard(view: RunView<unknown>): Card {
  const { run, steps } = view;
  const list = listSchema.safeParse(steps.find(({ name }) => name === STEP)?.result).data;
  switch (run.state) {
    case "waiting":
    case "running":
      return {
        title: `⏳ ${run.target} · looking for releases`,
        parts: [footer(view)],
        actions: [],
      };
    case "ok":
      return list ? listedCard(view, list) : notListedCard(view);
    case "unknown":
    case "failed":
    case "refused":
    case "expired":
    case "cancelled":
      return notListedCard(view);
  }
}

function listedCard(view: RunView<unknown>, { running, releases }: ReleaseList): Card {
  const { run, now } = view;
  const told = running.map(
    ({ role, commit, isChanging }) =>
      `${role} ${commit === null ? "unknown" : shortCommit(commit)}${isChanging ? ", being deployed" : ""}`,
  );
  const count = releases.length;
  return {
    title:
      count === 0
        ? `⚪️ ${run.target} · nothing to roll back to`
        : `↩️ ${run.target} · roll back to which release?`,
    parts: [
      line(`Runs now: ${told.join(" · ")}`),
      ...releases.map(({ commit, deployedAt, rebuilds, lesson }) =>
        line(
          isKnownGood({ lesson: lesson ?? undefined }) ? "✓ " : "? ",
          { code: shortCommit(commit) },
          ` · ${[
            lessonWords(lesson ?? undefined, now),
            ...(deployedAt ? [`deployed ${age(deployedAt, now)}`] : []),
            ...(rebuilds.length > 0 ? ["to be built anew"] : []),
          ].join(" · ")}`,
        ),
      ),
      ...(count === 0 ? [line("Nothing else was ever deployed here.")] : []),
      footer(view),
    ],
    actions: releases.map(({ commit, deployedAt }, index) => [
      {
        label: `${shortCommit(commit)}${deployedAt ? `, ${age(deployedAt, now)}` : ""}`,
        command: `rollback ${typedCommit(commit)}`,
        ...(index === 0 ? { style: "primary" as const } : {}),
      },
    ]),
  };
}

function notListedCard(view: RunView<unknown>): Card {
  const { run } = view;
  return {
    title: `⚪️ ${run.target} · releases ${run.state}`,
    parts: [
      line(shortened(run.reason ?? "No reason was recorded.", REASON_LIMIT)),
      line("Without the list you can still type /rollback and the beginning of a commit's hash."),
      footer(view),
    ],
    actions: [[{ label: "Look again", command: "rollback" }]],
  };
}

function footer({ run, now, timeZone }: RunView<unknown>): CardPart {
  const at = clockTime(run.endedAt ?? run.createdAt, now, timeZone);
  return line({ faint: `${runName(run.id)} · ${run.actor.name} · ${at}` });
}
