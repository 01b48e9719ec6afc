import { defineCommand } from "./command.ts";

export const secrets = defineCommand<undefined>({
  name: "secrets",
  summary: "Which variables of the product are set in Coolify; no value is shown",
  role: "operator",
  usage: "",
  effect: "read",
  words: { atMost: 1 },
  understand({ words: [word] }) {
    if (word === undefined) return { ok: true, args: undefined };
    // A value that is typed belongs nowhere but into the memory of one process.
    const message =
      word === "init"
        ? "What is missing is put there from the command line alone: flightdeck secrets init"
        : `"${word}" is not init.`;
    return { ok: false, message };
  },
  run: async (context) => {
    if (!context.operations.includes("secrets")) {
      const message =
        "No variables are configured. Put them below `variables:` in the configuration; the sandbox's file shows how.";
      return { kind: "refused", message };
    }
    return { kind: "run", admission: await context.start("secrets", {}) };
  },
});
