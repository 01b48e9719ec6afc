import { randomBytes } from "node:crypto";

import { z } from "zod";

import { createScrubber } from "../../core/redaction.ts";
import { SECRET_BYTES, secretText } from "../../core/secret-plan.ts";
import { Secret } from "../../core/secret.ts";
import { SystemError } from "../../systems/system-error.ts";
import { whenAllowed } from "../deploy/patience.ts";
import type { ActStep } from "../operation.ts";
import type { SecretsParts } from "./secrets-init-report.ts";
import type { ConfiguredVariable } from "./secrets-init-settings.ts";

/** Long enough for what Coolify lets itself be asked in a minute to come round more than once. */
const TIMEOUT_MS = 240_000;

/** The names that an application had before. */
const baselineSchema = z.array(z.string());

/**
 * Puts into one application what it lacks. What is there stays as it is, so doing it again does no harm; a name that is
 * there afterwards has happened, whoever was first.
 *
 * @param made what was made in this execution, so that every application gets the same
 */
export function createMissing(
  parts: SecretsParts,
  made: Map<string, Secret>,
  application: string,
  names: readonly string[],
): ActStep {
  const patient = { ...parts, coolify: patientCoolify(parts) };
  const { coolify, variables } = patient;
  const there = async (signal: AbortSignal): Promise<readonly string[]> => {
    const found = (await coolify.variables(application, signal)).map(({ key }) => key);
    return names.filter((name) => found.includes(name));
  };
  return {
    kind: "act",
    name: stepNameOf(application),
    timeoutMs: TIMEOUT_MS,
    baseline: async ({ signal }) => [...(await there(signal))],
    async observe({ signal, baseline }) {
      const found = await there(signal);
      if (found.length < names.length) return { kind: "absent" };
      const before = baselineSchema.parse(baseline);
      return { kind: "happened", result: found.filter((name) => !before.includes(name)) };
    },
    async act({ signal }) {
      const created: string[] = [];
      for (const name of names) {
        const variable = variables.find((one) => one.name === name);
        if (variable === undefined) throw new Error(`the configuration has no ${name} any more`);
        const value = await whenAllowed(async () => valueOf(parts, made, variable, signal), signal);
        const outcome = await unspoken(value, async () =>
          whenAllowed(
            async () => coolify.createVariable(application, { key: name, value }, signal),
            signal,
          ),
        );
        if (outcome === "created") created.push(name);
      }
      return created;
    },
  };
}

/** Furnishing an application takes many requests, and Coolify lets itself be asked only so many a minute. */
function patientCoolify({ coolify, allowedAgainMs }: SecretsParts): SecretsParts["coolify"] {
  return {
    variables: async (application, signal) =>
      whenAllowed(async () => coolify.variables(application, signal), signal, allowedAgainMs),
    createVariable: async (application, wanted, signal) =>
      whenAllowed(
        async () => coolify.createVariable(application, wanted, signal),
        signal,
        allowedAgainMs,
      ),
  };
}

export function stepNameOf(application: string): string {
  return `create what ${application} lacks`;
}

/**
 * The value of a variable, the same for all applications: what is held ready, what another one of them has already, or a
 * new one.
 */
async function valueOf(
  { coolify, supplied }: SecretsParts,
  made: Map<string, Secret>,
  { name, applications, source, keep }: ConfiguredVariable,
  signal: AbortSignal,
): Promise<Secret> {
  const ready = source.kind === "given" ? source.value : (supplied.get(name) ?? made.get(name));
  if (ready) return ready;
  for (const application of applications) {
    const row = (await coolify.variables(application, signal)).find(({ key }) => key === name);
    if (row?.value !== undefined && row.value.reveal() !== "") return row.value;
    if (row !== undefined && source.kind === "made") {
      throw new Error(`${application} hides its ${name}, so nobody can give others the same`);
    }
  }
  // What is kept in a file was made where that file was written, and another one would not be it.
  if (source.kind === "made" && keep === undefined) {
    const value = new Secret(secretText(source.form, randomBytes(SECRET_BYTES)));
    made.set(name, value);
    return value;
  }
  throw new Error(
    `${name} was known to a terminal alone, which has ended; \`flightdeck secrets init\` asks for it again`,
  );
}

/** Whatever Coolify says about a value, the value itself is not repeated. */
async function unspoken<Result>(value: Secret, ask: () => Promise<Result>): Promise<Result> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    const { system, kind, code, message } = error;
    throw new SystemError(system, kind, createScrubber([value])(message), { code });
  }
}
