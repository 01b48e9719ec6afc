import { z } from "zod";

import { formatDuration } from "../../core/duration.ts";
import { shownUrl } from "../../core/shown-url.ts";
import type { Observation } from "../../core/status.ts";
import { shortened, visibleText } from "../../core/visible-text.ts";
import { NotConfiguredError } from "../../systems/not-configured-error.ts";
import type { RegisteredWebhook } from "../../systems/product-webhook.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { LookStep } from "../operation.ts";
import type { Verdict } from "../preflight/preflight-verdict.ts";

const WAITING_AT_MOST = 20;
/** Telegram remembers the last failure for ever, also when everything was delivered since. */
const ERROR_FREE_FOR_MS = 600_000;
const MESSAGE_LIMIT = 160;
const ANSWER_WITHIN_MS = 8_000;

const unseen = z.object({ kind: z.literal("unseen"), reason: z.string() });

/** What the journal keeps: never a secret, and of a foreign address only whose it is. */
const reportSchema = z.object({
  registration: z.discriminatedUnion("kind", [
    z.object({
      kind: z.literal("seen"),
      expected: z.string(),
      /** Empty when there is none. */
      url: z.string(),
      waiting: z.number(),
      lastError: z.object({ agoMs: z.number(), message: z.string() }).nullable(),
    }),
    unseen,
  ]),
  probe: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("seen"), rightSecret: z.number(), wrongSecret: z.number() }),
    unseen,
  ]),
});

export type WebhookReport = z.output<typeof reportSchema>;

export const LOOK = "look at the webhook";

/** Asks Telegram and the product at once; where one of them cannot be asked, the other still answers. */
export function lookAtWebhook(webhook: RegisteredWebhook): LookStep {
  return {
    kind: "look",
    name: LOOK,
    timeoutMs: 2 * ANSWER_WITHIN_MS,
    async look(context): Promise<WebhookReport> {
      // Whoever hangs is given up before the step is, so that the other's answer is not lost with it.
      const signal = AbortSignal.any([context.signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
      const [registration, probe] = await Promise.all([
        orUnseen(async () => {
          const { url, pendingUpdates, lastError } = await webhook.registration(signal);
          const expected = webhook.url();
          return {
            kind: "seen" as const,
            expected,
            url: url === expected || url === "" ? url : shownUrl(url),
            waiting: pendingUpdates,
            lastError: lastError
              ? {
                  // Telegram's clock may be a little ahead of ours.
                  agoMs: Math.max(0, Date.now() - lastError.at.getTime()),
                  message: shortened(visibleText(lastError.message), MESSAGE_LIMIT),
                }
              : null,
          };
        }),
        orUnseen(async () => ({ kind: "seen" as const, ...(await webhook.probe(signal)) })),
      ]);
      return { registration, probe };
    },
  };
}

/** The report of a finished look; undefined when there is none yet. */
export function webhookReport(result: unknown): WebhookReport | undefined {
  return reportSchema.safeParse(result).data;
}

export function observationsOf({ registration, probe }: WebhookReport): readonly Observation[] {
  return [
    ...(registration.kind === "seen" ? registrationObservations(registration) : []),
    ...(probe.kind === "seen" ? probeObservations(probe) : []),
  ];
}

/** The same for the evidence, under names that stay. */
export function factsOf({ registration, probe }: WebhookReport): Readonly<Record<string, string>> {
  return {
    ...(registration.kind === "seen"
      ? {
          address: registration.url === "" ? "none" : registration.url,
          waiting: String(registration.waiting),
          "last-failure": registration.lastError?.message ?? "none",
        }
      : { registration: registration.reason }),
    ...(probe.kind === "seen"
      ? { "right-secret": String(probe.rightSecret), "wrong-secret": String(probe.wrongSecret) }
      : { door: probe.reason }),
  };
}

/** What could not be looked at, and why. */
export function blindSpotsOf({ registration, probe }: WebhookReport): readonly string[] {
  return [
    ...(registration.kind === "unseen" ? [`registration: ${registration.reason}`] : []),
    ...(probe.kind === "unseen" ? [`door: ${probe.reason}`] : []),
  ];
}

/** A failure outweighs a blind spot, and a blind spot is never GO. */
export function webhookVerdict(report: WebhookReport): Verdict {
  return verdictOn(report, observationsOf(report));
}

/** Whether it is set as it should be; what waits, or failed before, is no fault of setting it. */
export function settingVerdict(report: WebhookReport): Verdict {
  const about = observationsOf(report).filter(({ what }) => !HISTORY.includes(what));
  return verdictOn(report, about);
}

function verdictOn(report: WebhookReport, observations: readonly Observation[]): Verdict {
  if (observations.some((observation) => !observation.ok)) return "NO-GO";
  return blindSpotsOf(report).length > 0 ? "UNKNOWN" : "GO";
}

const HISTORY: readonly string[] = ["waiting updates", "last failed delivery"];

type Seen<Part> = Extract<Part, { readonly kind: "seen" }>;

function registrationObservations(
  seen: Seen<WebhookReport["registration"]>,
): readonly Observation[] {
  const { expected, url, waiting, lastError } = seen;
  const isQuiet = lastError === null || lastError.agoMs >= ERROR_FREE_FOR_MS;
  return [
    { what: "address", expected, actual: url === "" ? "none" : url, ok: url === expected },
    {
      what: "waiting updates",
      expected: `at most ${WAITING_AT_MOST}`,
      actual: String(waiting),
      ok: waiting <= WAITING_AT_MOST,
    },
    {
      what: "last failed delivery",
      expected: `none for ${formatDuration(ERROR_FREE_FOR_MS)}`,
      actual:
        lastError === null
          ? "none"
          : `${formatDuration(lastError.agoMs)} ago: ${lastError.message}`,
      ok: isQuiet,
    },
  ];
}

function probeObservations(seen: Seen<WebhookReport["probe"]>): readonly Observation[] {
  const { rightSecret, wrongSecret } = seen;
  return [
    {
      what: "an empty update with the secret",
      expected: "taken (2xx)",
      actual: String(rightSecret),
      ok: rightSecret >= 200 && rightSecret < 300,
    },
    {
      what: "the same with a wrong secret",
      expected: "refused (401 or 403)",
      actual: String(wrongSecret),
      ok: wrongSecret === 401 || wrongSecret === 403,
    },
  ];
}

async function orUnseen<Seen>(
  look: () => Promise<Seen>,
): Promise<Seen | { readonly kind: "unseen"; readonly reason: string }> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof SystemError) && !(error instanceof NotConfiguredError)) throw error;
    return { kind: "unseen", reason: error.message };
  }
}
