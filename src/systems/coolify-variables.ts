import { z } from "zod";

import type { Secret } from "../core/secret.ts";
import { type CoolifyAccess, rejected } from "./coolify-access.ts";
import { type CoolifyVariable, variablesSchema } from "./coolify-answers.ts";
import { doneAllTheSame } from "./done-all-the-same.ts";
import { SystemError } from "./system-error.ts";

type NewValue = {
  readonly key: string;
  readonly value: Secret;
};

/** Variables as containers get them at their next deployment; until then nothing changes for anybody. */
export type CoolifyVariables = {
  /** Those of production, with their values if there is a token that sees them. */
  variables(application: string, signal: AbortSignal): Promise<readonly CoolifyVariable[]>;
  /** Puts a variable there that does not exist yet; one that does stays as it is, whatever its value. */
  createVariable(
    application: string,
    wanted: NewValue,
    signal: AbortSignal,
  ): Promise<"created" | "exists">;
  /** Whether production and previews both have this value; undefined when nobody can see that. */
  hasVariable(
    application: string,
    wanted: NewValue,
    signal: AbortSignal,
  ): Promise<boolean | undefined>;
  /**
   * Gives a variable this value, for production and for previews, where an old secret would otherwise live on. Its flags
   * stay as they are; a new one is for the run time only. Doing it again does no harm.
   */
  setVariable(
    application: string,
    wanted: NewValue,
    signal: AbortSignal,
  ): Promise<"created" | "updated">;
};

export function createCoolifyVariables(access: CoolifyAccess): CoolifyVariables {
  const { api, tokenOf, has, pathOf } = access;
  const visible = (): Secret => tokenOf(has("sensitiveToken") ? "sensitiveToken" : "token");
  const pathTo = (application: string): string => `${pathOf(application)}/envs`;

  async function rowsOf(
    application: string,
    key: string,
    token: Secret,
    signal: AbortSignal,
  ): Promise<Rows> {
    const about = `variables of ${application}`;
    const answer = z.array(rowSchema);
    const rows = await api.json({ token, about, path: pathTo(application), answer }, signal);
    const only = (isPreview: boolean): Row | undefined => {
      const found = rows.filter((row) => row.key === key && row.is_preview === isPreview);
      if (found.length <= 1) return found[0];
      // Which of them is changed by its name, and which of them wins, is nobody's choice.
      throw rejected(`Coolify, ${about}: it has several ${key}; expected each once`);
    };
    return { production: only(false), preview: only(true) };
  }

  async function create(
    application: string,
    { key, value }: NewValue,
    signal: AbortSignal,
  ): Promise<void> {
    const about = `creating ${key} of ${application}`;
    const request = { token: tokenOf("writeToken"), about, method: "POST" } as const;
    const json = { key, value, is_preview: false, ...NEW_FLAGS };
    await api.text({ ...request, path: pathTo(application), json }, signal);
  }

  /** Whatever is left out is wiped or set to false, so all of the row goes along. */
  async function change(
    application: string,
    row: Row,
    value: Secret,
    signal: AbortSignal,
  ): Promise<void> {
    const { key, is_preview, is_literal, is_multiline, is_shown_once } = row;
    const { is_runtime, is_buildtime } = row;
    const flags = { is_literal, is_multiline, is_shown_once, is_runtime, is_buildtime };
    const about = `changing ${key} of ${application}`;
    const request = { token: tokenOf("writeToken"), about, method: "PATCH" } as const;
    const json = { key, value, is_preview, ...flags };
    await api.text({ ...request, path: pathTo(application), json }, signal);
  }

  /** Coolify has been seen to accept what it did not keep. What nobody can see is left at its word. */
  async function readBack(
    application: string,
    { key, value }: NewValue,
    signal: AbortSignal,
  ): Promise<void> {
    const { production, preview } = await rowsOf(application, key, visible(), signal);
    const isOther = (row: Row): boolean =>
      row.value !== undefined && !row.is_shown_once && row.value !== value.reveal();
    const wrong =
      production === undefined || isOther(production)
        ? "production"
        : preview !== undefined && isOther(preview)
          ? "previews"
          : undefined;
    if (wrong === undefined) return;
    throw rejected(
      `Coolify, ${key} of ${application}: it took the value and did not keep it for ${wrong}`,
    );
  }

  return {
    async variables(application, signal) {
      const about = `variables of ${application}`;
      const path = pathTo(application);
      return api.json({ token: visible(), about, path, answer: variablesSchema }, signal);
    },
    async hasVariable(application, { key, value }, signal) {
      const { production, preview } = await rowsOf(application, key, visible(), signal);
      if (production === undefined) return false;
      const rows = [production, ...(preview === undefined ? [] : [preview])];
      const seen = rows.map((row) => (row.is_shown_once ? undefined : (row.value ?? undefined)));
      if (seen.some((one) => one !== undefined && one !== value.reveal())) return false;
      return seen.includes(undefined) ? undefined : true;
    },
    async createVariable(application, wanted, signal) {
      tokenOf("writeToken");
      demandFit(wanted, NEW_FLAGS, application);
      const { production } = await rowsOf(application, wanted.key, tokenOf("token"), signal);
      if (production !== undefined) return "exists";
      try {
        await create(application, wanted, signal);
      } catch (error) {
        // Somebody else was first.
        if (error instanceof SystemError && error.code === "409") return "exists";
        throw error;
      }
      return "created";
    },
    async setVariable(application, wanted, signal) {
      tokenOf("writeToken");
      const before = await rowsOf(application, wanted.key, tokenOf("token"), signal);
      for (const row of [before.production ?? NEW_FLAGS, before.preview ?? NEW_FLAGS]) {
        demandFit(wanted, row, application);
      }
      // A reference leads to a value that others share: writing over it would part them without a word.
      if (before.production?.is_shared) {
        const message = `${wanted.key} of ${application} refers to a shared variable; expected that one to be changed in Coolify`;
        throw rejected(message);
      }
      const { key, value } = wanted;
      const holds = async (scope: keyof Rows): Promise<boolean> => {
        const rows = await rowsOf(application, key, visible(), signal);
        return rows[scope]?.value === value.reveal();
      };
      const { production, preview } = before;
      await doneAllTheSame(
        async () =>
          production === undefined
            ? create(application, wanted, signal)
            : change(application, production, value, signal),
        async () => holds("production"),
      );
      // A new variable brings its own twin for previews; one that was there keeps its old value.
      if (preview !== undefined) {
        await doneAllTheSame(
          async () => change(application, preview, value, signal),
          async () => holds("preview"),
        );
      }
      await readBack(application, wanted, signal);
      return production === undefined ? "created" : "updated";
    },
  };
}

const rowSchema = z.object({
  key: z.string(),
  is_preview: z.boolean(),
  is_literal: z.boolean(),
  is_multiline: z.boolean(),
  is_shown_once: z.boolean(),
  is_runtime: z.boolean().optional(),
  is_buildtime: z.boolean().optional(),
  is_shared: z.boolean().nullish(),
  value: z.string().nullish(),
});
type Row = z.output<typeof rowSchema>;
type Rows = { readonly production: Row | undefined; readonly preview: Row | undefined };
type Spelling = Pick<Row, "is_literal" | "is_multiline">;

/** Literally, so that no `$` in it means anything, and never a part of the image. */
const NEW_FLAGS = {
  is_literal: true,
  is_multiline: false,
  is_shown_once: false,
  is_runtime: true,
  is_buildtime: false,
} as const;

const KEY = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

/** Coolify takes every value and hands some of them on as others; those are refused before it is asked. */
function demandFit({ key, value }: NewValue, spelling: Spelling, application: string): void {
  if (!KEY.test(key)) {
    throw rejected(`${JSON.stringify(key).slice(0, 80)} is no name of a variable`);
  }
  const problem = unfitness(value.reveal(), spelling);
  if (problem === undefined) return;
  throw rejected(`Coolify, ${key} of ${application}: the value ${problem}`);
}

function unfitness(value: string, { is_literal, is_multiline }: Spelling): string | undefined {
  if (value === "") return "is empty, which Coolify takes for none";
  if (value !== value.trim()) return "begins or ends with a blank, which Coolify cuts off";
  if (!is_multiline && /[\r\n]/.test(value)) return "has several lines, and the variable only one";
  if (/^\{\{.*\}\}$/s.test(value)) return "reads like a reference to a shared variable";
  if ((is_literal || is_multiline) && value.includes("'")) {
    return "has a single quote in it, which ends it for Coolify";
  }
  if (!is_literal && !is_multiline && value.includes("$")) {
    return "has a $ in it, which is replaced because the variable is not literal";
  }
  return undefined;
}
