import { z } from "zod";

import { Secret } from "../core/secret.ts";
import { sealableSetting, secretSetting } from "../core/setting.ts";

const CREDENTIAL_HEADER = /authorization|cookie|token|secret|api-?key/i;

/** Headers of a request; what holds a credential has to come by reference. */
export const headersSetting = z
  .record(
    z.string().regex(/^[A-Za-z0-9-]{1,64}$/, { error: "expected the name of a header" }),
    sealableSetting(),
  )
  .superRefine((headers, context) => {
    for (const [name, value] of Object.entries(headers)) {
      if (!CREDENTIAL_HEADER.test(name) || value instanceof Secret || value === "wrong") continue;
      context.addIssue({
        code: "custom",
        path: [name],
        message: "a secret belongs in a reference such as ${env:NAME}, not in the file",
      });
    }
  });

export const bearerSetting = z
  .union([z.literal("wrong"), secretSetting()], {
    error: "expected a reference to a secret such as ${env:NAME}, or the word wrong",
  })
  .meta({ description: "A bearer token; the word wrong sends one that nobody may accept" });

type Headers = Readonly<Record<string, string | Secret>>;

/** Nobody may accept it, and whoever finds it in a log knows where it came from. */
const WRONG_TOKEN = "flightdeck-wrong-token";

/** What a request carries, by small-letter name, so that one header replaces another however either is spelt. */
export function requestHeaders({
  headers = {},
  bearer,
}: {
  readonly headers?: Headers | undefined;
  readonly bearer?: string | Secret | undefined;
}): Headers {
  const named = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      CREDENTIAL_HEADER.test(name) && value === "wrong" ? WRONG_TOKEN : value,
    ]),
  );
  return { ...named, ...authorization(bearer) };
}

function authorization(bearer: string | Secret | undefined): Headers {
  if (bearer === undefined) return {};
  const token = bearer instanceof Secret ? bearer.reveal() : WRONG_TOKEN;
  return { authorization: new Secret(`Bearer ${token}`) };
}
