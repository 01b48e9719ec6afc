import type { OutsidePage } from "./page/controls.ts";
import type { Todoist } from "./todoist.ts";
import type { Xai } from "./xai.ts";

export type OutsidePages = {
  pages(): readonly OutsidePage[];
  /** Presses a button on one of them. False: there is none of this name. */
  press(action: string): boolean;
};

/**
 * What a person does outside of the chat and of Coolify, on the pages of others: he is signed in there, and sees what they
 * show him. A new secret is shown where it was made, once, for him to copy.
 */
export function createOutsidePages(world: {
  readonly todoist: Pick<Todoist, "regenerate">;
  readonly xai: Pick<Xai, "console">;
}): OutsidePages {
  const { todoist, xai } = world;
  let issuedToken: string | undefined;
  let issuedKey: string | undefined;

  const presses: Readonly<Record<string, (id: string) => void>> = {
    "todoist-issue": () => {
      issuedToken = todoist.regenerate();
    },
    "xai-create": () => {
      const day = new Date().toISOString().slice(0, "2026-11-23".length);
      issuedKey = xai.console.create(`made by hand ${day}`);
    },
    "xai-disable": (id) => xai.console.setDisabled(id, true),
    "xai-enable": (id) => xai.console.setDisabled(id, false),
    "xai-delete": (id) => xai.console.remove(id),
  };
  return {
    pages: () => [
      {
        name: "todoist",
        title: "Todoist: Settings → Integrations → Developer",
        issued: issuedToken === undefined ? undefined : { what: "API token", secret: issuedToken },
        rows: [],
        actions: [{ name: "todoist-issue", title: "Issue a new API token" }],
      },
      {
        name: "xai",
        title: "console.x.ai: API Keys",
        issued: issuedKey === undefined ? undefined : { what: "API key", secret: issuedKey },
        rows: xai.console.list().map(({ id, name, ending, isDisabled }) => ({
          text: `${name} · …${ending}${isDisabled ? " · disabled" : ""}`,
          actions: [
            isDisabled
              ? { name: `xai-enable:${id}`, title: "Enable" }
              : { name: `xai-disable:${id}`, title: "Disable" },
            { name: `xai-delete:${id}`, title: "Delete" },
          ],
        })),
        actions: [{ name: "xai-create", title: "Create an API key" }],
      },
    ],
    press(action) {
      const [name = "", id = ""] = action.split(":");
      const press = Object.hasOwn(presses, name) ? presses[name] : undefined;
      press?.(id);
      return press !== undefined;
    },
  };
}
