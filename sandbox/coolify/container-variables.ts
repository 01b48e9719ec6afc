import type { ApplicationRow, CoolifyState } from "./rows.ts";

const REFERENCE = /^\{\{((?:team|project|environment)\..+)\}\}$/;

/** What a reference such as `{{project.LLM_API_KEY}}` leads to, and undefined for what is none. */
export function referenceIn(value: string): string | undefined {
  return REFERENCE.exec(value)?.[1];
}

/** What a container of production finds in its environment when it is made. A value that was wiped is an empty one. */
export function containerVariables(
  state: CoolifyState,
  { uuid }: Pick<ApplicationRow, "uuid">,
): Readonly<Record<string, string>> {
  const rows = state.variables.filter(
    (row) => row.application === uuid && !row.is_preview && row.is_runtime,
  );
  return Object.fromEntries(
    rows.map(({ key, value }) => {
      const name = referenceIn(value ?? "");
      return [key, name === undefined ? (value ?? "") : (state.sharedVariables[name] ?? "")];
    }),
  );
}
