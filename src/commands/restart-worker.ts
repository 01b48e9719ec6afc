import { defineCommand } from "./command.ts";

export const restart = defineCommand<undefined>({
  name: "restart",
  summary: "Start the worker anew, with the code and the settings that it has",
  role: "operator",
  usage: "worker",
  effect: "mutate",
  words: { atLeast: 1, atMost: 1 },
  understand: ({ words: [what = ""] }) =>
    what === "worker"
      ? { ok: true, args: undefined }
      : { ok: false, message: `"${what}" cannot be restarted by itself; the worker can.` },
  async run({ operations, start }) {
    if (!operations.includes("restart-worker")) {
      const message =
        "Nothing says which application is the worker. Put rollout.worker into the configuration; the sandbox's file shows how.";
      return { kind: "refused", message };
    }
    return { kind: "run", admission: await start("restart-worker", {}) };
  },
});
