import { randomInt, randomUUID } from "node:crypto";

import { Hono } from "hono";
import { z } from "zod";

import type { Effects } from "./effects.ts";

type XaiKey = {
  readonly id: string;
  readonly name: string;
  readonly key: string;
  readonly acls: readonly string[];
  readonly limits: Readonly<Record<string, unknown>>;
  readonly disabled: boolean;
};

/** The keys of one team. */
export type XaiKeys = {
  accepts(key: string, path: string): boolean;
  /** What it tells of a key to whoever presents it. */
  own(key: string): object;
  list(): readonly XaiKey[];
  made(): readonly string[];
  make(wanted: Pick<XaiKey, "name" | "acls" | "limits">): XaiKey;
  /** False: there is no such key. */
  setDisabled(id: string, disabled: boolean): boolean;
  remove(id: string): boolean;
  /** Whether the newest key counts everywhere; it takes one question until it does. */
  isKnownEverywhere(id: string): boolean;
  setSlow(slow: boolean): void;
  /** xAI takes away every key that there is now. */
  setRevoked(revoked: boolean): void;
};

export const TEAM = "5f0e6c1a-7d5c-4b55-9b0e-2c7a3c1d9e10";

export function createXaiKeys(options: {
  readonly key: string;
  readonly effects: Effects;
}): XaiKeys {
  const { effects } = options;
  const first: XaiKey = {
    id: randomUUID(),
    name: "production",
    key: options.key,
    acls: ["api-key:model:*", "api-key:endpoint:*"],
    limits: { qps: 20, qpm: 600 },
    disabled: false,
  };
  const keys = new Map([[first.id, first]]);
  const made: string[] = [];
  const asked = new Set<string>();
  let isSlow = false;
  let revoked = new Set<string>();
  const byKey = (key: string): XaiKey | undefined =>
    [...keys.values()].find((one) => one.key === key);

  return {
    accepts(key, path) {
      const found = byKey(key);
      if (!found || revoked.has(found.id)) return false;
      // A disabled key is told that it is, and nothing else.
      if (path === "/v1/api-key") return true;
      // By default keys have no permission at all, so that every request fails.
      return !found.disabled && found.acls.length > 0;
    },
    own(key) {
      const { id, name, acls, disabled } = byKey(key) ?? first;
      return {
        redacted_api_key: `${key.slice(0, 2)}...${key.slice(-4)}`,
        api_key_id: id,
        name,
        team_id: TEAM,
        acls,
        team_blocked: false,
        api_key_blocked: false,
        api_key_disabled: disabled,
      };
    },
    list: () => [...keys.values()],
    made: () => made,
    make(wanted) {
      const key = { ...wanted, id: randomUUID(), key: `xai-${letters(80)}`, disabled: false };
      keys.set(key.id, key);
      made.push(key.key);
      effects.add("xaiKeysMade");
      return key;
    },
    setDisabled(id, disabled) {
      const key = keys.get(id);
      if (key) keys.set(id, { ...key, disabled });
      return key !== undefined;
    },
    remove(id) {
      if (!keys.delete(id)) return false;
      effects.add("xaiKeysDeleted");
      return true;
    },
    isKnownEverywhere(id) {
      const isKnown = asked.has(id) && !isSlow;
      asked.add(id);
      return isKnown;
    },
    setSlow: (value) => {
      isSlow = value;
    },
    setRevoked: (value) => {
      revoked = new Set(value ? keys.keys() : []);
    },
  };
}

const wantedKey = z.object({
  name: z.string().min(1),
  acls: z.array(z.string()).default([]),
  qps: z.number().nullish(),
  qpm: z.number().nullish(),
  tpm: z.string().nullish(),
});
const changedKey = z.object({
  apiKey: z.object({ disabled: z.boolean() }),
  fieldMask: z.literal("disabled"),
});

/** The API by which a team makes keys, disables and deletes them. */
export function xaiManagement(managementKey: string, keys: XaiKeys): Hono {
  const app = new Hono();
  app.use("*", async (context, next) => {
    if (context.req.header("authorization") === `Bearer ${managementKey}`) return next();
    return context.json({ code: 16, message: "Invalid management key" }, 401);
  });
  app.get(`/teams/${TEAM}/api-keys`, (context) =>
    context.json({ apiKeys: keys.list().map(shown), paginationToken: "" }),
  );
  app.post(`/teams/${TEAM}/api-keys`, async (context) => {
    const body = wantedKey.safeParse(await context.req.json().catch(() => undefined));
    if (!body.success) return context.json({ code: 3, message: "Invalid argument" }, 400);
    const { name, acls, ...limits } = body.data;
    const key = keys.make({ name, acls, limits });
    return context.json({ ...shown(key), apiKey: key.key });
  });
  app.get("/api-keys/:id/propagation", (context) => {
    const isKnown = keys.isKnownEverywhere(context.req.param("id"));
    return context.json({ icPropagation: { "us-east-1": true, "us-west-2": isKnown } });
  });
  app.put("/api-keys/:id", async (context) => {
    const body = changedKey.safeParse(await context.req.json().catch(() => undefined));
    if (!body.success) return context.json({ code: 3, message: "Invalid argument" }, 400);
    const isThere = keys.setDisabled(context.req.param("id"), body.data.apiKey.disabled);
    return isThere ? context.json({}) : context.json(notFound, 404);
  });
  app.delete("/api-keys/:id", (context) =>
    keys.remove(context.req.param("id")) ? context.json({}) : context.json(notFound, 404),
  );
  return app;
}

const notFound = { code: 5, message: "API key not found" };

function shown({ id, name, key, acls, limits, disabled }: XaiKey): object {
  return {
    redactedApiKey: `${key.slice(0, 2)}...${key.slice(-4)}`,
    apiKeyId: id,
    name,
    teamId: TEAM,
    aclStrings: acls,
    disabled,
    ...limits,
  };
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

function letters(length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("");
}
