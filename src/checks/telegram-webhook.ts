import type { z } from "zod";

import { formatDuration } from "../core/duration.ts";
import { durationSetting, integerSetting, urlSetting } from "../core/setting.ts";
import type { Observation } from "../core/status.ts";
import type { BotWebhook } from "../systems/telegram-bot.ts";
import type { CheckKind } from "./check-kind.ts";
import { refusedToken, telegramAddress } from "./telegram-address.ts";

const settings = {
  ...telegramAddress,
  url: urlSetting().meta({ description: "Where Telegram must deliver the updates" }),
  pendingAtMost: integerSetting({ minimum: 0 })
    .default(20)
    .meta({ description: "More waiting updates mean that they are not taken" }),
  errorFreeFor: durationSetting()
    .default(600_000)
    .meta({ description: "A delivery that failed within this time is a failure" }),
} satisfies z.ZodRawShape;

type Settings = z.output<z.ZodObject<typeof settings>>;

export const telegramWebhook = {
  kind: "telegram-webhook",
  summary: "Telegram delivers a bot's updates to the right address, and they are taken",
  settings,
  async observe({ systems, settings }, signal) {
    const webhook = await systems.telegramBot.webhook(settings, signal);
    if (!webhook.accepted) return { observations: [refusedToken(webhook)] };
    const { pendingUpdates } = webhook.result;
    return {
      observations: [
        address(webhook.result, settings),
        {
          what: "waiting updates",
          expected: `at most ${settings.pendingAtMost}`,
          actual: String(pendingUpdates),
          ok: pendingUpdates <= settings.pendingAtMost,
        },
        lastError(webhook.result, settings, Date.now()),
      ],
      measurements: [{ name: "pendingUpdates", value: pendingUpdates }],
    };
  },
} satisfies CheckKind<typeof settings, "telegramBot">;

function address({ url }: BotWebhook, { url: expected }: Settings): Observation {
  if (url === "") return { what: "webhook", expected, actual: "none", ok: false };
  // Of a foreign address only the host is shown: its path may be somebody's secret.
  const actual = url === expected ? url : (URL.parse(url)?.origin ?? "no address");
  return { what: "webhook", expected, actual, ok: url === expected };
}

/** Telegram remembers the last failure for ever, also when everything was delivered since; only its age tells. */
function lastError(
  { lastError: last }: BotWebhook,
  { errorFreeFor }: Settings,
  now: number,
): Observation {
  const what = "failed deliveries";
  const expected = `none for ${formatDuration(errorFreeFor)}`;
  if (last === undefined) return { what, expected, actual: "none", ok: true };
  // Telegram's clock may be a little ahead of ours.
  const ageMs = Math.max(0, now - last.at.getTime());
  const actual = `the last one ${formatDuration(ageMs)} ago: ${last.message}`;
  return { what, expected, actual, ok: ageMs >= errorFreeFor };
}
