import { callTitle, type Call, type CallAttempt } from "../core/call.ts";
import type { Operator } from "../core/operator.ts";
import { createCallWebhook } from "./call-webhook.ts";
import type { HttpApi } from "./http-api.ts";
import type { SecondPathSettings, SmtpSettings } from "./second-path-settings.ts";

/** One way to reach people beside the chat. */
export type CallPath = {
  readonly name: "webhook" | "smtp";
  /** Where a call to these people goes; each place gets one of its own. */
  addressesOf(people: readonly Operator[]): readonly string[];
  /** Resolves when the other side has taken the call. */
  send(attempt: CallAttempt, address: string, now: Date, signal: AbortSignal): Promise<void>;
};

/** The ways that are configured, which may be none. */
export async function openSecondPath(
  http: Pick<HttpApi, "request">,
  { webhook, smtp }: SecondPathSettings,
): Promise<readonly CallPath[]> {
  const paths: CallPath[] = [];
  if (webhook) {
    const { post } = createCallWebhook(http, webhook);
    paths.push({
      name: "webhook",
      // Whoever is behind it is told the names.
      addressesOf: () => [""],
      send: async (attempt, _address, now, signal) => post(attempt, now, signal),
    });
  }
  if (smtp) paths.push(await mailPath(smtp));
  return paths;
}

async function mailPath(settings: SmtpSettings): Promise<CallPath> {
  // Loaded only by those who mail.
  const { createSmtp } = await import("./smtp.ts");
  const { send } = createSmtp(settings);
  return {
    name: "smtp",
    addressesOf: (people) => [
      ...new Set([
        ...people.map(({ email }) => email).filter((email) => email !== undefined),
        ...settings.to,
      ]),
    ],
    async send({ call, resent }, to, _now, signal) {
      const subject = callTitle(call);
      await send({ id: call.id, to, subject, text: mailText(call, resent) }, signal);
    },
  };
}

function mailText(call: Call, resent: boolean): string {
  const { kind, at, people, id } = call;
  const lines = [
    callTitle(call),
    "",
    `${kind === "over" ? "Over since" : "Since"} ${at.toISOString()}`,
    people.length === 0 ? "" : `Called: ${people.join(", ")}`,
    `Call ${id}${resent ? " (resent: it may have come before)" : ""}`,
    "",
    kind === "fired"
      ? "Take it in the ops chat (Acknowledge), and nobody else is called."
      : "Nothing is to be done.",
  ];
  return `${lines.filter((line, index) => line !== "" || lines[index - 1] !== "").join("\n")}\n`;
}
