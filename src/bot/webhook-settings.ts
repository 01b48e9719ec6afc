import { z } from "zod";

import { integerSetting, secretSetting, urlSetting } from "../core/setting.ts";
import { listenSetting } from "./listen-setting.ts";
import { webhookSecretProblem } from "./webhook-secret.ts";

const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];

/** Without it the bot fetches its updates, which needs no open port; with it Telegram brings them. */
export const webhookSetting = z
  .strictObject({
    url: urlSetting()
      .superRefine((text, context) => {
        const problem = webhookUrlProblem(text);
        if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
      })
      .meta({
        description: "Where Telegram reaches this bot; its path alone is answered",
        examples: ["https://flightdeck.example.com/telegram"],
      }),
    secret: secretSetting({ accepts: webhookSecretProblem }).meta({
      description: "What Telegram sends along, so that nobody else is heard",
      examples: ["${env:FLIGHTDECK_WEBHOOK_SECRET}"],
    }),
    listen: listenSetting()
      .default("0.0.0.0:8080")
      .meta({ description: "Where this process listens, behind whatever ends TLS" }),
    maxConnections: integerSetting({ minimum: 1, maximum: 100 })
      .default(40)
      .meta({ description: "How many updates Telegram may bring at once" }),
  })
  .meta({ description: "Have Telegram bring updates, rather than fetch them" });

export type WebhookSettings = z.output<typeof webhookSetting>;

function webhookUrlProblem(text: string): string | undefined {
  const url = URL.parse(text);
  // What is no address at all is somebody else's complaint.
  if (url === null) return undefined;
  if (url.protocol !== "https:" && !LOOPBACK.includes(url.hostname)) {
    return "expected https://, for Telegram brings updates to nothing else";
  }
  if (url.search !== "" || url.hash !== "" || !/^\/[\w./-]*$/.test(url.pathname)) {
    return "expected a plain path of letters, digits, dots and dashes; what must be secret goes into secret";
  }
  return undefined;
}
