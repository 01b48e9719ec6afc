import { z } from "zod";

import { Secret } from "../core/secret.ts";
import type { HttpAnswer, HttpApi, HttpRequest } from "./http-api.ts";
import { SystemError, type SystemErrorKind } from "./system-error.ts";

/** Where keys are made and taken away, by a key that can do that and nothing else. */
export type XaiManager = { readonly url: string; readonly key: Secret };

/** What xAI tells of a key to whoever presents it. */
type XaiOwnKey = {
  readonly id: string;
  readonly team: string;
  readonly permissions: readonly string[];
  readonly isDisabled: boolean;
  /** Blocked by xAI, itself or its team; nobody but xAI can change that. */
  readonly isBlocked: boolean;
};

/** What a key may do and how often; without a permission each of its requests would fail. */
export type XaiKeyRights = {
  readonly permissions: readonly string[];
  readonly limits: Readonly<Partial<Record<XaiLimit, number>>>;
};

export type XaiManagedKey = XaiKeyRights & {
  readonly id: string;
  readonly name: string;
  readonly isDisabled: boolean;
};

/** Requests a second, requests a minute and tokens a minute, by xAI's own names. */
const LIMITS = ["qps", "qpm", "tpm"] as const;
type XaiLimit = (typeof LIMITS)[number];

/** xAI as a language model and as a maker of keys. What it answers is never quoted: it shows pieces of the keys it got. */
export type Xai = {
  /** Undefined when the key is refused. `api` has the version in it: `https://api.x.ai/v1`. */
  ownKey(api: string, key: Secret, signal: AbortSignal): Promise<XaiOwnKey | undefined>;
  /** Undefined when the key is refused. */
  models(api: string, key: Secret, signal: AbortSignal): Promise<readonly string[] | undefined>;
  /** Has the shortest answer made that there is; false when the key is refused. */
  complete(api: string, key: Secret, model: string, signal: AbortSignal): Promise<boolean>;
  keys(by: XaiManager, team: string, signal: AbortSignal): Promise<readonly XaiManagedKey[]>;
  /** The key itself is told this once. */
  createKey(
    by: XaiManager,
    wanted: XaiKeyRights & { readonly team: string; readonly name: string },
    signal: AbortSignal,
  ): Promise<Secret>;
  /** Whether every place of xAI has heard of it. */
  isKnownEverywhere(by: XaiManager, id: string, signal: AbortSignal): Promise<boolean>;
  setDisabled(by: XaiManager, id: string, isDisabled: boolean, signal: AbortSignal): Promise<void>;
  /** One that is gone already is no failure. */
  deleteKey(by: XaiManager, id: string, signal: AbortSignal): Promise<void>;
};

const ownKeySchema = z
  .object({
    api_key_id: z.string(),
    team_id: z.string(),
    acls: z.array(z.string()).default([]),
    api_key_disabled: z.boolean().default(false),
    api_key_blocked: z.boolean().default(false),
    team_blocked: z.boolean().default(false),
  })
  .transform((row) => ({
    id: row.api_key_id,
    team: row.team_id,
    permissions: row.acls,
    isDisabled: row.api_key_disabled,
    isBlocked: row.api_key_blocked || row.team_blocked,
  }));

const modelsSchema = z.object({ data: z.array(z.object({ id: z.string() })) });

/** Large numbers come as texts. */
const limitSchema = z.union([z.coerce.number().int().positive(), z.null()]).optional();

const managedKeySchema = z
  .object({
    apiKeyId: z.string(),
    name: z.string().default(""),
    acls: z.array(z.string()).optional(),
    aclStrings: z.array(z.string()).optional(),
    disabled: z.boolean().default(false),
    qps: limitSchema.catch(undefined),
    qpm: limitSchema.catch(undefined),
    tpm: limitSchema.catch(undefined),
  })
  .transform((row) => ({
    id: row.apiKeyId,
    name: row.name,
    permissions: row.acls ?? row.aclStrings ?? [],
    isDisabled: row.disabled,
    limits: Object.fromEntries(
      LIMITS.flatMap((limit) => (typeof row[limit] === "number" ? [[limit, row[limit]]] : [])),
    ),
  }));

const keysSchema = z.object({
  apiKeys: z.array(managedKeySchema).default([]),
  paginationToken: z.string().nullish(),
});

const createdSchema = z.object({ apiKey: z.string().min(20) });

const propagationSchema = z.looseObject({});

/** So many pages of keys; a team with more has lost count itself. */
const PAGES = 50;

export function createXai(http: Pick<HttpApi, "request">): Xai {
  const modelApi = async (
    about: string,
    api: string,
    key: Secret,
    { path, body }: { readonly path: string; readonly body?: object },
    signal: AbortSignal,
  ): Promise<HttpAnswer | undefined> => {
    const request = requestOf(`${api.replace(/\/+$/, "")}${path}`, key, body);
    const answer = await http.request(request, signal);
    if (REFUSALS.includes(answer.status)) return undefined;
    return accepted(`xAI, ${about}`, answer);
  };

  const manage = async (
    about: string,
    by: XaiManager,
    { path, method, body }: Managing,
    signal: AbortSignal,
  ): Promise<HttpAnswer> => {
    const request = requestOf(`${by.url.replace(/\/+$/, "")}${path}`, by.key, body);
    const named = method === undefined ? request : { ...request, method };
    return accepted(`xAI's management API, ${about}`, await http.request(named, signal));
  };

  return {
    async ownKey(api, key, signal) {
      const answer = await modelApi("a key", api, key, { path: "/api-key" }, signal);
      return answer && parsed("xAI, a key", answer, ownKeySchema);
    },
    async models(api, key, signal) {
      const answer = await modelApi("models", api, key, { path: "/models" }, signal);
      return answer && parsed("xAI, models", answer, modelsSchema).data.map(({ id }) => id);
    },
    async complete(api, key, model, signal) {
      const messages = [{ role: "user", content: "Say yes." }];
      const body = { model, messages, max_tokens: 1 };
      const path = "/chat/completions";
      return (await modelApi("a completion", api, key, { path, body }, signal)) !== undefined;
    },
    async keys(by, team, signal) {
      const all: XaiManagedKey[] = [];
      let after = "";
      for (let page = 0; page < PAGES; page += 1) {
        const about = "the keys of the team";
        const path = `${pathOf(team)}${after}`;
        const answer = await manage(about, by, { path }, signal);
        const { apiKeys, paginationToken } = parsed(about, answer, keysSchema);
        all.push(...apiKeys);
        if (!paginationToken) return all;
        after = `?paginationToken=${encodeURIComponent(paginationToken)}`;
      }
      throw xaiError(
        "rejected",
        "xAI's management API, the keys of the team: there is no end of them",
      );
    },
    async createKey(by, { team, name, permissions, limits }, signal) {
      const about = "a new key";
      const { tpm, ...others } = limits;
      const body = {
        name,
        acls: permissions,
        ...others,
        ...(tpm === undefined ? {} : { tpm: String(tpm) }),
      };
      const answer = await manage(about, by, { method: "POST", path: pathOf(team), body }, signal);
      return new Secret(parsed(about, answer, createdSchema).apiKey);
    },
    async isKnownEverywhere(by, id, signal) {
      const about = "how far a key has come";
      const answer = await manage(about, by, { path: `${pathTo(id)}/propagation` }, signal);
      const places = booleansIn(parsed(about, answer, propagationSchema));
      // An answer that names no place is no good news.
      return places.length > 0 && places.every(Boolean);
    },
    async setDisabled(by, id, isDisabled, signal) {
      const about = isDisabled ? "disabling a key" : "enabling a key";
      const body = { apiKey: { disabled: isDisabled }, fieldMask: "disabled" };
      await manage(about, by, { method: "PUT", path: pathTo(id), body }, signal);
    },
    async deleteKey(by, id, signal) {
      try {
        await manage("deleting a key", by, { method: "DELETE", path: pathTo(id) }, signal);
      } catch (error) {
        if (error instanceof SystemError && error.code === "404") return;
        throw error;
      }
    },
  };
}

type Managing = {
  readonly path: string;
  readonly method?: "POST" | "PUT" | "DELETE";
  readonly body?: object;
};

/** A wrong key is a bad request to xAI, and one that may not do something is forbidden it. */
const REFUSALS: readonly number[] = [400, 401, 403];

function requestOf(url: string, key: Secret, body: object | undefined): HttpRequest {
  const headers = {
    authorization: new Secret(`Bearer ${key.reveal()}`),
    ...(body === undefined ? {} : { "content-type": "application/json" }),
  };
  return body === undefined
    ? { method: "GET", url, headers }
    : { method: "POST", url, headers, body: JSON.stringify(body) };
}

function pathOf(team: string): string {
  return `/auth/teams/${encodeURIComponent(team)}/api-keys`;
}

function pathTo(id: string): string {
  return `/auth/api-keys/${encodeURIComponent(id)}`;
}

function accepted(about: string, answer: HttpAnswer): HttpAnswer {
  const { status } = answer;
  if (status >= 200 && status < 300) return answer;
  const kind = kindOf(status);
  throw xaiError(kind, `${about}: answered ${status}`, String(status));
}

function kindOf(status: number): SystemErrorKind {
  if (status === 401 || status === 403) return "unauthorized";
  if (status === 429) return "rate-limited";
  if (status >= 500) return "unreachable";
  return status >= 400 ? "rejected" : "malformed";
}

function parsed<Schema extends z.ZodType>(
  about: string,
  { bodyText }: HttpAnswer,
  schema: Schema,
): z.output<Schema> {
  const answer = schema.safeParse(json(bodyText));
  if (answer.success) return answer.data;
  const where = answer.error.issues[0]?.path.join(".") || "the whole of it";
  throw xaiError("malformed", `${about}: the answer has another form than expected: ${where}`);
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** However the places are called, and however deep they lie; without recursion, for that may be deeper than any stack. */
function booleansIn(value: unknown): readonly boolean[] {
  const found: boolean[] = [];
  const left = [value];
  while (left.length > 0) {
    const one = left.pop();
    if (typeof one === "boolean") found.push(one);
    else if (typeof one === "object" && one !== null) {
      for (const inner of Object.values(one) as unknown[]) left.push(inner);
    }
  }
  return found;
}

function xaiError(kind: SystemErrorKind, message: string, code?: string): SystemError {
  return new SystemError("xai", kind, message, { code });
}
