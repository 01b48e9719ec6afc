import type { ProductSettings } from "./settings.ts";

type Probe = { readonly ok: boolean; readonly reason?: string; readonly skipped?: true };

type PreflightReport = {
  readonly checkedAt: Date;
  readonly checks: Readonly<Record<"llm" | "telegram", Probe>>;
};

/** B's look at what it needs outside. */
export type Preflight = {
  /** Undefined where no look is demanded. Good or bad, a report is believed until it is five minutes old. */
  report(): Promise<PreflightReport | undefined>;
};

const demanding: ReadonlySet<string> = new Set(["staging", "prod", "production"]);

export function createPreflight(
  settings: Pick<
    ProductSettings,
    "environment" | "modelUrl" | "modelKey" | "telegramUrl" | "botToken" | "timing"
  >,
  { now, closing }: { readonly now: () => Date; readonly closing: AbortSignal },
): Preflight {
  const { preflightTimeoutMs, preflightCacheMs } = settings.timing;
  let last: { readonly at: Date; readonly report: Promise<PreflightReport> } | undefined;

  const probe = async (
    name: string,
    url: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Probe> => {
    const signal = AbortSignal.any([closing, AbortSignal.timeout(preflightTimeoutMs)]);
    try {
      const { ok, status } = await fetch(url, { headers, signal });
      if (ok) return { ok };
      const isRefusal = status === 401 || status === 403;
      return { ok, reason: `${name}_${isRefusal ? "auth_failed" : `http_${status}`}` };
    } catch {
      return { ok: false, reason: `${name}_unreachable` };
    }
  };
  const look = async (checkedAt: Date): Promise<PreflightReport> => {
    const authorization = `Bearer ${settings.modelKey}`;
    const llm = await probe("llm", `${settings.modelUrl}/models`, { authorization });
    const telegram: Probe =
      settings.botToken === ""
        ? { ok: true, skipped: true, reason: "telegram_token_not_configured" }
        : await probe("telegram", `${settings.telegramUrl}/bot${settings.botToken}/getMe`);
    return { checkedAt, checks: { llm, telegram } };
  };

  return {
    report: async () => {
      if (!demanding.has(settings.environment)) return undefined;
      const at = now();
      if (last === undefined || at.getTime() - last.at.getTime() >= preflightCacheMs) {
        last = { at, report: look(at) };
      }
      return last.report;
    },
  };
}
