import type { z } from "zod";

import type { HttpSettings } from "../bot/health-settings.ts";
import { HEALTH_PATHS } from "../bot/health-settings.ts";
import type { TelegramSettings } from "../bot/settings.ts";
import { nearest } from "../core/nearest.ts";
import { unknownPeople, type OnCallSettings } from "../core/on-call.ts";
import type { Operator } from "../core/operator.ts";
import type { HeartbeatSettings } from "../jobs/watch/heartbeat-settings.ts";
import type { SecondPathSettings } from "../systems/second-path-settings.ts";

type People = {
  readonly operators: readonly Operator[];
  readonly onCall?: OnCallSettings | undefined;
};

/** Whoever is on call is an operator, or nobody could be called. */
export function peopleExist({ operators, onCall }: People, context: z.RefinementCtx): void {
  if (onCall === undefined || context.issues.length > 0) return;
  const names = operators.map(({ name }) => name);
  for (const { path, name } of unknownPeople(onCall, names)) {
    const meant = nearest(name, names);
    const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
    refuse(context, ["onCall", ...path], `there is no operator "${name}"${hint}`);
  }
}

type Process = People & {
  readonly telegram: TelegramSettings;
  readonly secondPath: SecondPathSettings;
  readonly http?: HttpSettings | undefined;
  readonly heartbeat?: HeartbeatSettings | undefined;
  readonly runsBesideProduction: boolean;
};

/** What keeps the watcher watched, as far as only the whole file shows it. */
export function watcherIsWatched(settings: Process, context: z.RefinementCtx): void {
  if (context.issues.length > 0) return;
  const { telegram, secondPath, http, heartbeat, runsBesideProduction } = settings;
  if (runsBesideProduction && heartbeat === undefined) {
    const why = "beside production it would go down together with what it watches";
    refuse(context, ["heartbeat"], `is missing; ${why}, and only the outside could tell`);
  }
  const { smtp, webhook } = secondPath;
  if (smtp && smtp.to.length === 0 && webhook === undefined) {
    for (const [index, name] of (settings.onCall?.rotation ?? []).entries()) {
      if (settings.operators.some((one) => one.name === name && one.email !== undefined)) continue;
      const why = "has no email and there is no secondPath.smtp.to, so no call would reach anybody";
      refuse(context, ["onCall", "rotation", index], `${name} ${why}`);
    }
  }
  const brought = telegram.webhook;
  if (!http || brought?.listen !== http.listen) return;
  const path = HEALTH_PATHS.find((one) => one === new URL(brought.url).pathname);
  if (path === undefined) return;
  refuse(
    context,
    ["telegram", "webhook", "url"],
    `${path} is answered by http at the same address`,
  );
}

function refuse(
  context: z.RefinementCtx,
  path: readonly (string | number)[],
  message: string,
): void {
  context.addIssue({ code: "custom", path: [...path], message });
}
