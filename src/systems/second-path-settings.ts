import { z } from "zod";

import {
  choiceSetting,
  integerSetting,
  mailAddressSetting,
  secretSetting,
  textSetting,
} from "../core/setting.ts";
import { secretUrlProblem } from "./secret-address.ts";

const callWebhookSetting = z
  .strictObject({
    url: secretSetting({ accepts: secretUrlProblem }).meta({
      description: "Where calls are posted; a secret, for who knows such an address can use it",
      examples: ["${env:CALL_WEBHOOK_URL}"],
    }),
    secret: secretSetting({ accepts: signingSecretProblem }).meta({
      description: "Signs every call, so that the other side knows from whom it comes",
      examples: ["${env:CALL_WEBHOOK_SECRET}"],
    }),
  })
  .meta({ description: "Posts calls as JSON, signed as Standard Webhooks are" });

const TLS_PORTS = { implicit: 465, starttls: 587 } as const;

const smtpSetting = z
  .strictObject({
    host: textSetting().meta({ examples: ["smtp.example.com"] }),
    tls: choiceSetting(["starttls", "implicit"])
      .default("starttls")
      .meta({ description: "Encrypted from the first byte, or before the first word of a mail" }),
    port: integerSetting({ minimum: 1, maximum: 65_535 })
      .optional()
      .meta({ description: "587, or 465 with implicit TLS, by default" }),
    user: textSetting().optional(),
    password: secretSetting().optional(),
    from: mailAddressSetting().meta({ examples: ["flightdeck@example.com"] }),
    to: z
      .array(mailAddressSetting())
      .default([])
      .meta({ description: "Addresses that get every call, beside those of whoever is called" }),
    authority: textSetting({
      pattern: /-----BEGIN CERTIFICATE-----/,
      expected: "certificates in PEM, best by reference such as ${file:authority.pem}",
      maximum: 200_000,
    })
      .optional()
      .meta({ description: "An authority of your own, trusted instead of the public ones" }),
  })
  .superRefine(({ user, password }, context) => {
    if ((user === undefined) === (password === undefined)) return;
    const path = [user === undefined ? "user" : "password"];
    context.addIssue({ code: "custom", path, message: "user and password belong together" });
  })
  .transform((smtp) => ({ ...smtp, port: smtp.port ?? TLS_PORTS[smtp.tls] }))
  .meta({ description: "Mails calls, never unencrypted" });

/** How people are reached when the chat is not enough. */
export const secondPathSetting = z
  .strictObject({ webhook: callWebhookSetting.optional(), smtp: smtpSetting.optional() })
  .prefault({})
  .meta({ description: "How people are called when nobody answers in the chat, or it is away" });

export type SecondPathSettings = z.output<typeof secondPathSetting>;
export type CallWebhookSettings = z.output<typeof callWebhookSetting>;
export type SmtpSettings = z.output<typeof smtpSetting>;

function signingSecretProblem(secret: string): string | undefined {
  return secret.length >= 24 ? undefined : "expected at least 24 characters, best random ones";
}
