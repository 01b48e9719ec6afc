import { z } from "zod";

import { Secret } from "../core/secret.ts";
import type { HttpApi } from "./http-api.ts";
import { SystemError } from "./system-error.ts";

export type Todoist = {
  /**
   * The id of the user whose token it is; undefined when the token is refused. `api` has the version in it:
   * `https://api.todoist.com/api/v1`.
   */
  userOf(api: string, token: Secret, signal: AbortSignal): Promise<string | undefined>;
};

const REFUSALS: readonly number[] = [401, 403];

const userSchema = z.object({
  id: z.union([z.string().min(1), z.number()]).transform(String),
});

export function createTodoist(http: Pick<HttpApi, "request">): Todoist {
  return {
    async userOf(api, token, signal) {
      const url = `${api.replace(/\/+$/, "")}/user`;
      const headers = { authorization: new Secret(`Bearer ${token.reveal()}`) };
      const { status, bodyText } = await http.request({ method: "GET", url, headers }, signal);
      if (REFUSALS.includes(status)) return undefined;
      if (status === 429) throw todoistError("rate-limited", "asked too often (429)");
      if (status >= 500) throw todoistError("unreachable", `it is in trouble (${status})`);
      const user = status === 200 ? userSchema.safeParse(json(bodyText)) : undefined;
      if (user?.success === true) return user.data.id;
      throw todoistError("malformed", `an answer (${status}) that is no user`);
    },
  };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function todoistError(
  kind: "rate-limited" | "unreachable" | "malformed",
  reason: string,
): SystemError {
  return new SystemError("todoist", kind, `Todoist, the user of a token: ${reason}`);
}
